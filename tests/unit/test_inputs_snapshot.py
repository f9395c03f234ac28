"""A snapshot of a market is the whole of its state: read back, it is the same and decides the same."""

from dataclasses import fields, replace

import pytest

from harness.engines import BTC, SECOND, accept, tick, trading
from tradingbot_runtime.core.market import Market
from tradingbot_runtime.engine import Engine
from tradingbot_runtime.inputs.snapshot import (
    DERIVED,
    Unkept,
    budget_from,
    budget_raw,
    differences,
    market_of,
    state_of,
)
from tradingbot_runtime.model import Lots, Nanos, OrderFilled, Place


def lived() -> Engine:
    """An engine that has quoted, been answered and been filled."""
    engine = trading()
    for number in range(1, 40):
        for approved in engine.handle(tick(number * SECOND // 4, 6_000_000 + 300 * number, 6_000_002 + 300 * number)):
            command = approved.command
            if isinstance(command, Place):
                engine.handle(accept(command.order_id, number * SECOND // 4))
                fill = OrderFilled(time_ns=Nanos(number * SECOND // 4), order_id=command.order_id,
                                   trade_id=f"t{command.order_id}", side=command.side, price=command.price,
                                   quantity=Lots(1), fee=3, fee_asset="BTC")  # fmt: skip
                engine.handle(fill)
    assert engine.market.position.traded >= 4
    return engine


def test_every_field_of_a_market_comes_back() -> None:
    market = lived().market

    read = market_of(state_of(market), market.terms)

    for field in fields(Market):
        assert getattr(read, field.name) == getattr(market, field.name), field.name
    assert {"terms"} == DERIVED


def test_an_engine_that_was_read_back_decides_the_same() -> None:
    engine = lived()
    again = Engine(
        market_of(state_of(engine.market), engine.market.terms),
        replace(engine.ids),
        budget_from(budget_raw(engine.budget)),
    )
    for number in range(40, 60):
        event = tick(number * SECOND // 4, 6_000_000 + 300 * number, 6_000_002 + 300 * number)
        assert [a.command for a in again.handle(event)] == [a.command for a in engine.handle(event)]
    assert differences(engine.market, again.market) == {}
    assert again.budget == engine.budget


def test_a_difference_names_the_field() -> None:
    engine = lived()
    before = market_of(state_of(engine.market), engine.market.terms)
    engine.market.account.base += BTC.lot_units

    assert set(differences(before, engine.market)) == {"account"}


@pytest.mark.parametrize("value", [object(), 1j])
def test_what_cannot_be_kept_is_an_error_and_not_left_out(value: object) -> None:
    market = lived().market
    market.breach = value  # type: ignore[assignment]

    with pytest.raises(Unkept):
        state_of(market)
