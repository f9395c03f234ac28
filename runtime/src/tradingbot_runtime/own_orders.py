"""Which orders at a venue are one slot's, for whoever withdraws them while the slot itself cannot.

By the client id, which says whose an order is. Where a venue has none, by the journal; or, without one, by the account:
a venue without client ids is traded by one bot alone, and a symbol of it by one slot.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from tradingbot_runtime.config import SlotConfig
from tradingbot_runtime.core.order_ids import OrderKey, bot_number, decode, encode, number_text
from tradingbot_runtime.core.orders import Order
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.model import OrderId, Restored


class OwnOrders(Protocol):
    def account(self, venue: str) -> str | None:
        """The venue's number of the account that the orders are at; None where it is not known."""
        ...

    def id_of(self, order: Restored) -> OrderId | None:
        """Our id of it; None when it is another's."""
        ...

    def not_closed(self, market: str) -> list[Order]:
        """Those of a market that may be there or on their way, as far as is known."""
        ...


@dataclass(frozen=True, slots=True)
class Journalled:
    """As a journal knows them; `former` are numbers of the bot's former lives."""

    reader: JournalReader
    config: SlotConfig
    former: Collection[str] = ()

    def account(self, venue: str) -> str | None:
        return self.reader.meta(f"account of venue {venue}")

    def id_of(self, order: Restored) -> OrderId | None:
        if not order.order_id:
            query = "SELECT order_id FROM orders WHERE venue_order_id = ?"
            known = self.reader.rows(query, order.venue_order_id)
            return OrderId(known[0]["order_id"]) if known else None
        ours = bot_number(self.reader.meta("uid") or self.config.bot.uid)
        return _by_client_id(order, {number_text(ours), *self.former}, self.config.slot)

    def not_closed(self, market: str) -> list[Order]:
        return self.reader.orders_not_closed(market)


@dataclass(frozen=True, slots=True)
class Configured:
    """As a slot's configuration alone tells: its journal is where nobody gets at it."""

    config: SlotConfig
    former: Collection[str] = ()
    _named: dict[str, OrderId] = field(default_factory=dict)  # by the venue's id, for this process

    def account(self, _: str) -> str | None:
        return None

    def id_of(self, order: Restored) -> OrderId | None:
        ours = bot_number(self.config.bot.uid)
        if order.order_id:
            return _by_client_id(order, {number_text(ours), *self.former}, self.config.slot)
        key = OrderKey(ours, self.config.slot, epoch=0, sequence=len(self._named))  # no process has epoch 0
        return self._named.setdefault(order.venue_order_id, encode(key))

    def not_closed(self, _: str) -> list[Order]:
        return []


def _by_client_id(order: Restored, bots: Collection[str], slot: int) -> OrderId | None:
    key = decode(order.order_id)
    return order.order_id if key and key.slot == slot and number_text(key.bot) in bots else None
