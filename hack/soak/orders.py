"""Many stories of orders under fire (tests/unit/test_orders_stateful.py)."""

import sys

from batches import Soak, main

BATCH = 250
ORDERS = Soak(
    name="orders",
    what="stories",
    size=BATCH,
    within_s=1_800,
    test=lambda _: "tests/unit/test_orders_stateful.py",
    environment=lambda _: {"STATEFUL_EXAMPLES": str(BATCH)},
    options=lambda seed: [f"--hypothesis-seed={seed}"],
    code=("core", "journal"),
    harness="hostile_*.py",
)

if __name__ == "__main__":
    sys.exit(main(ORDERS, sys.argv[1:], count=2_000))
