"""What a slot's other markets add to one market's exposure, and take of the account that both trade with. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.risk import exposure
from tradingbot_runtime.model import Nanos, OthersExposed

Asset = tuple[str, str]  # the venue, and the asset's name there


@dataclass(slots=True)
class Accounts:
    """By asset, in 1e-8 of it: what open orders bind, and what fills have brought."""

    bound: Counter[Asset] = field(default_factory=Counter)
    moved: Counter[Asset] = field(default_factory=Counter)

    def add(self, market: Market) -> None:
        instrument, position = market.terms.limits.instrument, market.position
        base, quote = (instrument.venue, instrument.base), (instrument.venue, instrument.quote)
        could = exposure(market.orders, instrument.tick_lot)
        self.bound[base] += could.selling * instrument.lot_units
        self.bound[quote] += -(-could.buying_cost // instrument.fee_money)
        self.moved[base] += position.lots * instrument.lot_units
        self.moved[quote] += position.cash // instrument.fee_money
        for asset, fees in position.fees.items():
            self.moved[instrument.venue, asset] -= fees


def accounts_of(markets: Iterable[Market]) -> Accounts:
    """Those of all `markets`, each of which trades with the one account that the slot has at its venue."""
    made = Accounts()
    for market in markets:
        made.add(market)
    return made


def others_exposed(market: Market, others: Iterable[Market], accounts: Accounts, time_ns: Nanos) -> OthersExposed:
    """Each of `others` at its worst, nothing set off against each other; valued at its own reference price.

    Of `accounts`, to which the market belongs or which are empty, what is not its own.
    """
    long = short = gross = 0
    ours, limits = market.terms.limits.instrument, market.terms.limits
    for other in others if limits.max_base_exposure is not None or limits.max_gross is not None else ():
        instrument = other.terms.limits.instrument
        could = exposure(other.orders, instrument.tick_lot)
        up, down = other.position.lots + could.buying, could.selling - other.position.lots
        if instrument.base == ours.base:
            long += max(up, 0) * instrument.lot_units
            short += max(down, 0) * instrument.lot_units
        if instrument.quote == ours.quote and other.reference.is_valid:
            value_2 = max(up, down, 0) * other.mid_2 * instrument.tick_lot
            gross += -(-value_2 // (2 * other.terms.reference_denominator * instrument.fee_money))
    own = accounts_of([market] if accounts.bound else [])
    base, quote = (ours.venue, ours.base), (ours.venue, ours.quote)
    return OthersExposed(
        time_ns=time_ns, long=long, short=short, gross=gross,
        base_bound=accounts.bound[base] - own.bound[base], quote_bound=accounts.bound[quote] - own.bound[quote],
        base_moved=accounts.moved[base] - own.moved[base], quote_moved=accounts.moved[quote] - own.moved[quote],
    )  # fmt: skip
