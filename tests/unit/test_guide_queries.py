"""What docs/guides/quoting-performance.md tells people to ask is answered, for each market of each bot."""

import re
from pathlib import Path

from harness.prometheus import ROOT
from harness.promtool import Series, asking, require

GUIDE = ROOT / "docs/guides/quoting-performance.md"
COUNTED = {
    "markout": ('side="buy", horizon="1s"', 1), "markout_notional_total": ('side="buy", horizon="1s"', 10_000),
    "filled_quantity_total": ('side="buy"', 1), "rested_quantity_total": ('side="buy"', 2),
    "quote_uptime_seconds_total": ('sides="both", within_bps="10"', 3), "quote_observed_seconds_total": ("", 4),
}  # fmt: skip


def queries() -> list[str]:
    cells = [line.split(" | ")[-1] for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    return [query for cell in cells for query in re.findall(r"`([^`]+)`", cell) if "(" in query]


def series() -> Series:
    """Two bots with a market of the same name each, the one's pod restarted under another address."""
    found: Series = {}
    for pod, addresses in (("maker-0", ("a", "b")), ("taker-0", ("c",))):
        for address in addresses:
            target = f'namespace="n", bot="{pod[:-2]}", pod="{pod}", instance="{address}", market="btc"'
            for name, (labels, step) in COUNTED.items():
                values = f"0+{step}x10 _x100" if address == "a" else f"_x10 0+{step}x100"
                found[f"tradingbot_{name}{{{target}, {labels}}}"] = values
    return found


def test_each_query_has_one_answer_for_each_market(tmp_path: Path) -> None:
    assert len(queries()) == 3
    both = {f'{{bot="{bot}"}}': 1 for bot in ("maker", "taker")}
    require([asking(series(), f"count by (bot) ({query})", 30, both) for query in queries()], tmp_path)
