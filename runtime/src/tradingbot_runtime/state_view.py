"""What `/state` shows: a slot for a person's eyes. Decimal strings, no secrets, no promise of stability."""

from decimal import Decimal
from typing import Any

from tradingbot_runtime.core.analytics import HORIZONS
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.core.risk import WHOLE_BPS
from tradingbot_runtime.limit_readings import limits_used
from tradingbot_runtime.live import LiveMarket
from tradingbot_runtime.model import ASSET_EXPONENT, Money
from tradingbot_runtime.slot import Slot


def state_view(slot: Slot) -> dict[str, Any]:
    return {
        "bot": f"{slot.config.bot.namespace}/{slot.config.bot.name}",
        "slot": slot.config.slot,
        "epoch": slot.epoch,
        "configHash": slot.config.config_hash(),
        "state": slot.standing.state,
        "reason": slot.standing.reason,
        "message": slot.standing.message,
        "halts": [{"id": h.id, "reason": h.reason, "message": h.message} for h in slot.halts.held],
        "venues": {
            v.venue: {"reachable": v.reachable, "authenticated": v.authenticated, "message": v.message}
            for v in slot.venues()
        },
        "markets": {name: _market(slot, market) for name, market in slot.markets.items()},
    }


def _hedge(market: Market) -> dict[str, str]:
    """Of a market whose fills are hedged."""
    if market.hedge is None:
        return {}
    return {"residual": format(Decimal(market.residual).scaleb(ASSET_EXPONENT), "f"), "hedge": market.hedge.stress}


def _markouts(market: Market) -> list[dict[str, str | int]]:
    """What fills had gained at the mid so long after, by side and layer of the ladder, in basis points."""
    return [
        {"side": series.partition("/")[0], "layer": series.partition("/")[2], "horizon": horizon,
         "fills": markout.fills, "bps": f"{Decimal(markout.gain) / markout.notional * WHOLE_BPS:.2f}"}
        for series, of_horizons in sorted(market.performance.markouts.sums.items())
        for horizon, markout in zip(HORIZONS, of_horizons, strict=True)
        if markout.notional
    ]  # fmt: skip


def _market(slot: Slot, live: LiveMarket) -> dict[str, Any]:
    market, instrument = live.engine.market, live.instrument
    book, reference = market.reference, slot.references[live.name]
    mid_2 = market.mid_2
    priced = book.is_valid
    return {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "base": instrument.base,
        "quote": instrument.quote,
        "referenceBid": reference.price_text(book.bid) if priced else None,
        "referenceAsk": reference.price_text(book.ask) if priced else None,
        "feedAgeSeconds": round((slot.now_ns() - book.seen_ns) / 1e9, 3) if book.seen_ns else None,
        "feedLateSeconds": round(max(book.late_ns, market.venue.late_ns) / 1e9, 3),
        "quotes": [
            {"side": q.side, "price": instrument.price_text(q.price), "quantity": instrument.quantity_text(q.quantity)}
            for q in live.engine.quotes
        ],
        "orders": [
            {
                "id": order.id,
                "side": order.side,
                "price": instrument.price_text(order.price),
                "quantity": instrument.quantity_text(order.quantity),
                "filled": instrument.quantity_text(order.filled),
                "state": order.state,
            }
            for order in market.orders
        ],
        "position": instrument.quantity_text(market.position.lots),
        **_hedge(market),
        "traded": instrument.quantity_text(market.position.traded),
        "profit": instrument.money_text(market.profit) if priced else None,
        "profitToday": instrument.money_text(Money(market.profit - market.daily.opening)) if priced else None,
        "realised": instrument.money_text(market.position.realised),
        "open": instrument.money_text(market.position.open_profit(mid_2, market.terms.reference_denominator))
        if priced
        else None,
        "fees": {a: format(Decimal(units).scaleb(-8).normalize(), "f") for a, units in market.position.fees.items()},
        "fills": dict(live.health.fills),
        "limits": {limit: round(float(share), 4) for limit, share in limits_used(market, slot.now_ns())},
        "markouts": _markouts(market),
        "refused": dict(live.health.refused),
        "hindered": next((f"{h.reason}: {h.message}" for m, h in slot.circumstances.hindered if m == live.name), ""),
        "room": market.room.most,  # how many orders the venue lets rest; null: no refusal has told
        "anomalies": dict(live.health.anomalies),
    }
