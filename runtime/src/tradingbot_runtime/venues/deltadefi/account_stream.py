"""The account stream: whole orders as they change. No heartbeat and no sequence, so silence needs a watch of its own.

The connection answers pings while nothing is delivered any more, so pings prove little. The stream is taken for dead
when something that must show on it (an order that was taken, a cancel that was acknowledged) has not, and in any case
after `LONGEST_SILENCE_NS`. Every new connection is a gap: the listener reconciles.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog
from picows import WSTransport

from tradingbot_runtime.errors import VenueProtocolError
from tradingbot_runtime.model import Nanos
from tradingbot_runtime.venues.connection import Backoff, Connection
from tradingbot_runtime.venues.deltadefi.codec import AccountMessage, WireOrder

SHOWN_WITHIN_NS = 5_000_000_000
LONGEST_SILENCE_NS = 600_000_000_000
ORDER = "order_info"

log = structlog.get_logger("account")


@dataclass(frozen=True, slots=True)
class StreamListener:
    on_order: Callable[[WireOrder], None]
    on_open: Callable[[], None]
    on_lost: Callable[[str], None]
    on_bad_frame: Callable[[str], None]  # reason


class AccountStream:
    def __init__(
        self, name: str, url: Callable[[], str], listener: StreamListener, now_ns: Callable[[], Nanos], backoff: Backoff
    ) -> None:
        self.connected = False
        self._listener = listener
        self._now_ns = now_ns
        self._heard_ns = Nanos(0)
        self._expected_ns = Nanos(0)  # since when something is owed; 0: nothing is
        self._message = msgspec.json.Decoder(AccountMessage)
        self._order = msgspec.json.Decoder(WireOrder)
        self._connection = Connection(f"{name}/account", url, self, backoff)

    async def run(self) -> None:
        await self._connection.run()

    def expect(self) -> None:
        """Something was acknowledged that must show on the stream soon."""
        self._expected_ns = self._expected_ns or self._now_ns()

    def check(self) -> None:
        """Make a new connection when this one must be dead. Called by a timer."""
        if not self.connected:
            return
        now_ns = self._now_ns()
        overdue = self._expected_ns and now_ns - self._expected_ns > SHOWN_WITHIN_NS
        if overdue or now_ns - self._heard_ns > LONGEST_SILENCE_NS:
            silent_for_s = round((now_ns - self._heard_ns) / 1e9, 1)
            log.warning("AccountStreamSilent", connection=self._connection.name, silent_for_s=silent_for_s)
            self._heard(now_ns)  # once, not at every look until the connection is down
            self._connection.reconnect()

    # -- connection ----------------------------------------------------------------------------------------------

    def on_open(self, _: WSTransport) -> None:
        self._heard(self._now_ns())
        self.connected = True
        self._listener.on_open()

    def on_lost(self, reason: str) -> None:
        self.connected = False
        self._listener.on_lost(reason)

    def on_text(self, payload: memoryview, *, last: bool) -> None:  # noqa: ARG002 - nothing to conflate here
        self._heard(self._now_ns())
        try:
            message = self._message.decode(payload)
            if message.sub_type == ORDER:
                self._listener.on_order(self._order.decode(message.order))
        except (msgspec.DecodeError, UnicodeDecodeError, VenueProtocolError) as error:
            # It may have been an order's end: the sweep over the venue's own list finds that out.
            self._listener.on_bad_frame(type(error).__name__)
            log.warning("FrameRefused", connection="account", message=str(error))

    def _heard(self, now_ns: Nanos) -> None:
        self._heard_ns, self._expected_ns = now_ns, Nanos(0)
