"""A made-up market where there is no recording: a seeded random walk. The same seed gives the same market. Pure.

The middle moves by whole ticks; each side shows LEVELS levels; trades take from the best level. Spreads are what
these symbols show at Binance: one tick for most of the time.
"""

from collections.abc import Iterator
from random import Random

import msgspec

from tradingbot_runtime.model import Lots, Ticks
from tradingbot_runtime.simulator.instruments import Listing
from tradingbot_runtime.simulator.market_events import AnyMarketEvent, DepthChanged, Level, TopChanged, TradePrinted

LEVELS = 20
FIRST_ID = 1_000_000
_YEAR_S = 365 * 86_400
_WIDE_SHARE = 0.1  # of the time the spread is wider than one tick
_TRADE_SHARE = 0.3  # of the steps print a trade


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """`volatility`: per year, as a share (0.6 is 60 %). `steps_per_s`: changes of the book a second.

    With no volatility the book stands still: one tick wide, the same quantity at each price. Only trades print.
    """

    volatility: float = 0.6
    steps_per_s: int = 20


class GeneratedMarket:
    """One symbol; `step` gives the next events."""

    def __init__(self, listing: Listing, seed: int, shape: Shape) -> None:
        self._listing = listing
        self._random = Random(f"{seed}/{listing.symbol}")  # noqa: S311 - a made-up market, nothing secret
        self._middle = float(listing.typical_price / listing.instrument.tick_size)
        self._typical = float(listing.typical_quantity / listing.instrument.lot_size)
        self._stands_still = shape.volatility == 0
        self._deviation = shape.volatility / (_YEAR_S * shape.steps_per_s) ** 0.5
        self._update_id = FIRST_ID
        self._trade_id = FIRST_ID
        self._shown: tuple[dict[Ticks, Lots], dict[Ticks, Lots]] = ({}, {})

    def step(self, time_ns: int) -> Iterator[AnyMarketEvent]:
        """A trade now and then, the change of the book, its top."""
        symbol = self._listing.symbol
        if self._shown[0] and self._random.random() < _TRADE_SHARE:
            yield self._trade(time_ns)
        self._middle = max(2.0 * LEVELS, self._middle * (1 + self._random.gauss(0, self._deviation)))
        first = self._update_id + 1
        self._update_id += 1 + self._random.randrange(3)
        bids, asks = self._levels()
        changes = tuple(_changes(before, after) for before, after in zip(self._shown, (bids, asks), strict=True))
        self._shown = (bids, asks)
        yield DepthChanged(
            symbol=symbol, time_ns=time_ns, first_id=first, last_id=self._update_id, bids=changes[0], asks=changes[1]
        )
        self._update_id += 1
        bid, ask = max(bids), min(asks)
        yield TopChanged(
            symbol=symbol, time_ns=time_ns, update_id=self._update_id, bid=(bid, bids[bid]), ask=(ask, asks[ask])
        )

    def _levels(self) -> tuple[dict[Ticks, Lots], dict[Ticks, Lots]]:
        """Levels around the middle; those that are shown already mostly keep their quantity."""
        narrow = self._stands_still or self._random.random() > _WIDE_SHARE
        spread = 1 if narrow else 2 + self._random.randrange(4)
        best_bid = int(self._middle)
        sides = ([best_bid - i for i in range(LEVELS)], [best_bid + spread + i for i in range(LEVELS)])
        return self._side(sides[0], 0), self._side(sides[1], 1)

    def _side(self, prices: list[int], side: int) -> dict[Ticks, Lots]:
        kept = self._shown[side]
        return {
            Ticks(price): kept[Ticks(price)]
            if Ticks(price) in kept and self._random.random() > 2 / LEVELS
            else self._quantity()
            for price in prices
        }

    def _quantity(self) -> Lots:
        share = 1.0 if self._stands_still else self._random.lognormvariate(0, 1) / 4
        return Lots(max(1, int(self._typical * share)))

    def _trade(self, time_ns: int) -> TradePrinted:
        buyer_is_maker = self._random.random() < 0.5  # noqa: PLR2004 (an even coin)
        price = max(self._shown[0]) if buyer_is_maker else min(self._shown[1])
        lots = Lots(max(1, int(self._quantity() * self._random.random())))
        self._trade_id += 1
        return TradePrinted(
            symbol=self._listing.symbol, time_ns=time_ns, trade_id=self._trade_id, price=price, lots=lots,
            buyer_is_maker=buyer_is_maker,
        )  # fmt: skip


def _changes(before: dict[Ticks, Lots], after: dict[Ticks, Lots]) -> tuple[Level, ...]:
    gone = ((price, Lots(0)) for price in before if price not in after)
    new = ((price, lots) for price, lots in after.items() if before.get(price) != lots)
    return (*gone, *new)
