"""`cancel-all`: withdraw every order of a bot's slot, without the bot; by its journal, or by its configuration alone.

For the hour in which the bot cannot do it itself. It writes nothing, and asks the venue until the venue lists no order
of ours and none is on its way; what is nobody's or another's stays where it is.
"""

import argparse
import asyncio
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tradingbot_runtime.clock import Clock
from tradingbot_runtime.config import Market, Mode, SlotConfig
from tradingbot_runtime.errors import ConfigError, JournalDamaged, JournalError, VenueError, VenueRefused
from tradingbot_runtime.journal.opening import MOVE_ASIDE
from tradingbot_runtime.journal.reading import JournalReader
from tradingbot_runtime.logs import tell_uncaught_without
from tradingbot_runtime.model import Instrument, Restored
from tradingbot_runtime.own_orders import Configured, Journalled, OwnOrders
from tradingbot_runtime.redaction import KnownSecrets
from tradingbot_runtime.run_command import mounted, ordinal, taught, venue_credentials
from tradingbot_runtime.standard_output import say as _say
from tradingbot_runtime.terms import budget_of
from tradingbot_runtime.unclosed_orders import UnclosedOrders, named
from tradingbot_runtime.venues.link import TO_CANCEL, VenueLink
from tradingbot_runtime.venues.protocols import Gateway, GatewayPorts

EMPTY, LEFT = 0, 1
AGAIN_S = 0.5
MAY_BE_OPEN = "state NOT IN ('Intent', 'Built', 'Lost') AND market NOT LIKE '%/%'"  # the latter are of mode Paper
WITHOUT_IT = f"go by the slot's configuration alone (--slot-config DIR --slot N), or {MOVE_ASIDE}"
CANCEL_ALL_HELP = """\
Cancel every order of one slot of a bot, and ask the venue until it lists none. Halt the bot first if it still runs: it
would quote again. Orders of others are left alone.

With its journal: venues and accounts come from the configuration in there, and ours are told by their client id, or,
where a venue has none, by the journal. Every order that the journal does not call closed is asked about by its id: one
that was on its way when the bot died may still arrive, and is cancelled then. Several "not found" answers over ten
seconds prove that it does not; --within is to leave room for them. Of an order that is Lost in the journal, or that was
there and is not known any more, it tells what the venue says now: it may have been executed.

Where the journal was lost, the bot that starts anew has another number, and says in its log (OrdersOfAnotherBot) which
one its former life had: --former-bot withdraws that bot's orders, too, at the same accounts and symbols.

Without it, where the volume is out of reach: --slot-config names the folder with slot-N.json, as the bot's ConfigMap
has it. Where a venue has no client ids, every order of the account in the slot's symbols is then taken for ours. The
operator does this for a slot whose pod is lost (docs/guides/operator.md).

In mode Paper nothing is at a venue, and nobody is asked, but for what the journal says was left there in mode Live, and
with --left-by-live.

Credentials as in `run`; of DeltaDeFi's the API key alone: nothing is signed here.
Exit codes: 0 no order of ours is in the market or on its way, whatever became of those that were lost; 1 one is, or
nothing was proved of one in time, or nobody could be asked about it; 2 the journal, the configuration or the
credentials cannot be used.
"""


def cancel_all(options: argparse.Namespace) -> int:
    """Raises JournalError and ConfigError."""
    if options.slot_config is not None:
        config = mounted(options.slot_config, ordinal(options.slot, os.environ))
        return _withdraw(options, config, Configured(config, options.former_bot), left_by_live=options.left_by_live)
    try:
        return _by_journal(options)
    except JournalDamaged as error:
        raise JournalError(f"{error}: {WITHOUT_IT}") from error


def _by_journal(options: argparse.Namespace) -> int:
    with JournalReader(options.journal) as reader:
        known = reader.config()
        if known is None:
            raise ConfigError(f"{options.journal}: has no configuration: no bot of this version has run with it")
        if known.mode is not Mode.PAPER and _is_held(options.journal):
            _say("a process trades with this journal: unless it is halted, it will quote again")
        own = Journalled(reader, known, options.former_bot)
        forgotten = _judge_former_markets(reader, known)
        left_by_live = options.left_by_live or _left_by_live(reader, known)
        return max(forgotten, _withdraw(options, known, own, left_by_live=left_by_live))


def _withdraw(options: argparse.Namespace, config: SlotConfig, own: OwnOrders, *, left_by_live: bool) -> int:
    if config.mode is Mode.PAPER and not left_by_live and not options.former_bot:
        _say("the bot runs in mode Paper: nothing in its markets is at a venue")
        return EMPTY
    config = config.model_copy(update={"mode": Mode.LIVE})
    tell_uncaught_without(secrets := KnownSecrets())
    shapes = taught(TO_CANCEL, secrets)
    credentials = partial(venue_credentials, options.credentials, os.environ, config, shapes=shapes)
    return asyncio.run(Withdrawal(own, config, credentials, secrets).run(options.within))


@dataclass(slots=True)
class Withdrawal:
    own: OwnOrders
    config: SlotConfig
    credentials: Callable[[str], Callable[[], Any] | None]  # by venue
    secrets: KnownSecrets  # loaded with them
    waiting: dict[str, list[str]] = field(default_factory=dict)  # by market: why it is not over
    links: dict[str, VenueLink] = field(default_factory=dict)  # by venue
    unclosed: dict[str, UnclosedOrders] = field(default_factory=dict)  # by market
    _openings: dict[str, asyncio.Lock] = field(default_factory=dict)  # by venue: its gateway is opened once
    _clock: Clock = field(default_factory=Clock)

    async def run(self, within_s: float) -> int:
        """Until every market is empty; whether it is.

        Side by side: a venue that does not answer must not keep the others' orders in the market. For the same reason
        ConfigError and JournalError are raised when the other markets are through.
        """
        tasks = [asyncio.create_task(self._until_empty(market)) for market in self.config.legs]
        try:
            done, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for link in self.links.values():
                await link.close()
        if late:
            _say(f"not proved empty within {within_s} s: {', '.join(self._left())}")
        if unusable := [error for error in ended if isinstance(error, ConfigError | JournalError)]:
            raise type(unusable[0])("; ".join(dict.fromkeys(map(str, unusable))))
        return LEFT if late else max((task.result() for task in done), default=EMPTY)

    def _left(self) -> Iterator[str]:
        """Why it is not over, and the orders that nothing is proved of: somebody has to look for them."""
        for market, lines in self.waiting.items():
            yield from lines
            yield from (f"{market}: {named(order)}" for order in self.unclosed[market].left().values())

    def _link(self, venue: str) -> VenueLink:
        """Raises ConfigError when its credentials cannot be used."""
        if venue not in self.links:
            spec, credentials = self.config.venues[venue], self.credentials(venue)
            self.links[venue] = VenueLink(venue, spec, self._clock.now_ns, credentials, self.secrets)
        return self.links[venue]

    async def _until_empty(self, market: Market) -> int:
        name = market.name
        self.unclosed[name] = UnclosedOrders(
            partial(self.own.not_closed, name), self._clock.now_ns, lambda line: _say(f"{name}: {line}")
        )
        link = self._link(market.execution.venue)
        self.waiting[name] = [f"market {name}: no answer yet from venue {link.name} ({link.adapter.address})"]
        try:
            return await self._insist(link, market)
        except (ConfigError, JournalError):
            self.waiting.pop(name)  # is told as such
            raise

    async def _insist(self, link: VenueLink, market: Market) -> int:
        while True:
            try:
                instrument, gateway = await self._gateway(link, market)
                listed = await gateway.open_orders(instrument)
                left = await self._pass(gateway, market, instrument, listed)
                if not left:
                    self.waiting.pop(market.name)
                    return self._judge(market, listed, gateway)
            except VenueError as error:
                left = [f"market {market.name}: {error}"]
            if left != self.waiting[market.name]:
                self.waiting[market.name] = left
                _say(*left)
            await asyncio.sleep(AGAIN_S)

    async def _gateway(self, link: VenueLink, market: Market) -> tuple[Instrument, Gateway]:
        """Raises VenueError, and ConfigError when it is not the account that the orders are at."""
        async with self._openings.setdefault(link.name, asyncio.Lock()):
            if link.gateway is None:
                await link.introduce()
                kept = self.own.account(link.name)
                if kept not in (None, link.account):
                    raise ConfigError(f"the orders are at account {kept} of venue {link.name}, not at {link.account}")
                link.open_gateway(self._ports(link.name))
        instrument = await link.instrument(market.execution.symbol)
        if link.gateway is None:
            raise ConfigError(f"Venue {link.name}: no gateway")
        return instrument, link.gateway

    async def _pass(
        self, gateway: Gateway, market: Market, instrument: Instrument, listed: Iterable[Restored]
    ) -> list[str]:
        """Cancel what is ours; what there was to cancel, or is not proved, as lines for a person. Raises VenueError."""
        unclosed, own = self.unclosed[market.name], self.own
        ours = [replace(order, order_id=name) for order in listed if (name := own.id_of(order)) is not None]
        lines = [await self._cancel(gateway, market, instrument, order) for order in ours]
        at_venue = {order.order_id for order in ours}
        try:
            unlisted = await unclosed.ask(gateway, instrument, at_venue)
        except VenueError as error:
            return [*lines, f"market {market.name}: {error}"]
        lines += [await self._cancel(gateway, market, instrument, order) for order in unlisted]
        if unproved := len(unclosed.left().keys() - at_venue):
            lines.append(f"{market.name}: asking about {unproved} of the journal's orders that the venue does not list")
        return lines

    async def _cancel(self, gateway: Gateway, market: Market, instrument: Instrument, order: Restored) -> str:
        """What came of it, in words: one that the venue refuses keeps no other one in the market. Raises VenueError."""
        what = f"{order.side} {instrument.quantity_text(order.quantity)} @ {instrument.price_text(order.price)}"
        words = f"{what}, order {order.order_id} ({order.venue_order_id})"
        gateway.remember(order.order_id, order.venue_order_id)
        try:
            await gateway.cancel(instrument, order.order_id, order.venue_order_id)
        except VenueRefused as refused:
            return f"{market.name}: not cancelled {words}: {refused}"
        return f"{market.name}: cancelled {words}"

    def _judge(self, market: Market, listed: Iterable[Restored], gateway: Gateway) -> int:
        """Empty of ours. Where no order can be another's, one that the journal does not know is a reason to look."""
        others = sum(1 for order in listed if self.own.id_of(order) is None)
        if others and gateway.exclusive:
            _say(f"{market.name}: {others} orders that this journal does not know are left; they may be this bot's")
            return LEFT
        _say(f"{market.name}: no order of ours at venue {market.execution.venue}; {others} of others left alone")
        return EMPTY

    def _ports(self, venue: str) -> GatewayPorts:
        """For a gateway that only asks and cancels: nothing is sent that would have to be kept."""
        return GatewayPorts(
            on_event=lambda *_: None,
            on_connected=lambda *_: None,
            on_refused=lambda reason, message: _say(f"venue {venue}: {reason}: {message}"),
            budget=budget_of(self.config, venue),
            durable=_nothing_to_keep,
            is_fenced=lambda: False,
        )


async def _nothing_to_keep() -> None:
    """No order is placed here."""


def _left_by_live(reader: JournalReader, config: SlotConfig) -> bool:
    """Whether orders of an earlier life in mode Live may be at a venue."""
    query = "SELECT count(*) AS left FROM orders WHERE market = ? AND closed = 0"
    return any(reader.rows(query, market.name)[0]["left"] for market in config.legs)


def _judge_former_markets(reader: JournalReader, config: SlotConfig) -> int:
    """Orders in markets that the configuration has no more: where to look for them. What is lost was looked for."""
    query = f"SELECT market, count(*) AS left FROM orders WHERE closed = 0 AND {MAY_BE_OPEN} GROUP BY market"  # noqa: S608 - ours
    left = {row["market"]: row["left"] for row in reader.rows(query)}
    instruments, known = reader.instruments(), {leg.name for leg in config.legs}
    for market in left.keys() - known:
        there = instruments.get(market)
        where = f": {there.symbol} at venue {there.venue}" if there else ""
        _say(f"{market}: not asked about {left[market]} orders: the configuration has no such market any more{where}")
    return LEFT if left.keys() - known else EMPTY


def _is_held(journal: Path) -> bool:
    """Whether a process has the journal's lock; looks without taking it."""
    with suppress(OSError), journal.with_name(f"{journal.name}.lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
