"""Many crashes: `kills` of real processes at both venues' simulators, or `drops` of all state in one process."""

import sys

from batches import Soak, main

KILLS, DROPS = 50, 250  # a batch
STORIES = 25  # of a batch of drops: each has a seed
VENUES = ("binance", "deltadefi", "binance_rest")
CODE = ("core", "journal", "venues", "model")
SOAKS = {
    "kills": Soak(
        name="kills",
        what="kills",
        size=KILLS,
        within_s=1_800,
        test=lambda seed: f"tests/integration/test_crash_{VENUES[seed % len(VENUES)]}.py",
        environment=lambda seed: {"CRASH_KILLS": str(KILLS), "CRASH_SEED": str(seed)},
        code=CODE,
        harness="crash_*.py",
    ),
    "drops": Soak(
        name="drops",
        what="drops",
        size=DROPS,
        within_s=1_800,
        test=lambda _: "tests/unit/test_crash_story.py",
        environment=lambda seed: {"CRASH_DROPS": str(DROPS), "CRASH_SEED": str(seed * STORIES)},
        code=CODE,
        harness="crash_*.py",
    ),
}

if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted not in SOAKS:
        sys.exit(f"usage: crashes.py {'|'.join(SOAKS)} [--resume | --more | --seed N]")
    sys.exit(main(SOAKS[wanted], sys.argv[2:], count=2_000))
