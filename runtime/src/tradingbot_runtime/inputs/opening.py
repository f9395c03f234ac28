"""The lines that a segment begins with: a slot as it is between two events."""

from tradingbot_runtime.inputs.lines import Line, MarketOpened, SegmentStarted
from tradingbot_runtime.inputs.snapshot import budget_raw, state_of
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.slot import Slot


def opening_lines(slot: Slot, missed: int) -> list[Line]:
    used = max((live.engine.ids.used for live in slot.markets.values()), default=0)
    started = SegmentStarted(
        at_ns=slot.now_ns(),
        missed=missed,
        config=slot.config.document(),
        bot=slot.bot_number,
        slot=slot.config.slot,
        epoch=slot.epoch,
        used=used,
    )
    return [started, *(market_opened(slot, live) for live in slot.markets.values())]


def market_opened(slot: Slot, live: LiveMarket) -> MarketOpened:
    return MarketOpened(
        market=live.name,
        instrument=live.instrument,
        reference=slot.references[live.name],
        state=state_of(live.engine.market),
        budget=budget_raw(live.engine.budget),
        is_leaving=slot.circumstances.terminating,
    )
