"""The control stream to one pod: a TLS websocket; what the pod said last is kept, what changes is told.

State and halts come up, configuration and drains go down. The certificate is checked against the bot's own authority
and the bot's name, whatever address the pod has.
"""

import asyncio
import ssl
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import msgspec
import structlog

from tradingbot_operator.api.v1alpha1 import HaltStatus
from tradingbot_operator.certificates import IdentityUnavailable
from tradingbot_operator.core.heard import known_id, within_bounds
from tradingbot_operator.core.observed import Stream, essence
from tradingbot_operator.observation import moment
from tradingbot_operator.queue import Priority
from tradingbot_operator.surroundings import BotName, Surroundings
from tradingbot_runtime.config import OnBreach
from tradingbot_runtime.logs import of_bot
from tradingbot_runtime.model.control import (
    CONTROL_PATH,
    HEARTBEAT_S,
    MAX_FRAME_BYTES,
    STALE_TERM,
    CommandRefused,
    ConfigAnswered,
    Configure,
    Drain,
    FromOperator,
    HaltAnswered,
    HaltTrading,
    Hello,
    PodMessage,
    Resume,
    SlotReport,
    VenueReport,
)
from tradingbot_runtime.model.events import TradingState
from tradingbot_runtime.network_errors import unreached
from tradingbot_runtime.redaction import OneSecret

CONNECT_S = 3.0
SILENCE_S = 5 * HEARTBEAT_S  # a pod that says nothing for this long is not there
SEND_S = 2.0
BACKOFF_S = 0.1
BACKOFF_MAX_S = 5.0
ASK_AGAIN_S = 1.0
CONFIG = "config_"  # counted with what a runtime has answered to a configuration
UNREADABLE = (msgspec.MsgspecError, RecursionError)  # a frame
VENUES_AFTER_S = 1.0  # many pods tell the same of one venue: it is looked at once
VENUES_GONE_AFTER_S = 10.0  # a pod that is replaced says the same again, and nothing has changed

log = structlog.get_logger("runtime_client")


@dataclass(slots=True)
class PodStream:
    """The control stream to one pod (one uid)."""

    bot: BotName
    pod: str
    address: str
    around: Surroundings
    session: aiohttp.ClientSession
    counters: Counter[str]
    certificate_until: float | None = None  # of the pod's, in seconds since the epoch; None: not seen yet
    _decoder: msgspec.json.Decoder[PodMessage] = field(default_factory=lambda: msgspec.json.Decoder(PodMessage))
    _token: OneSecret = field(default_factory=OneSecret)  # that was sent: what a pod says back of it goes no further
    _socket: aiohttp.ClientWebSocketResponse | None = None
    _report: SlotReport | None = None
    _spoken: dict[str, str] = field(default_factory=dict)  # our name of a halt -> its runtime's, where that is another
    _reported_text: str = ""  # of the last report over the present connection
    _heard: bool = False  # a report came over the present connection
    _untried: bool = True
    _lost_at: float = field(init=False)
    _limit_s: float = CONNECT_S  # what a TimeoutError stands for just now
    _trouble: str = ""
    _answer: ConfigAnswered | None = None
    _sent_hash: str = ""
    _drain: str = ""
    _drain_flattens: bool = False
    _drain_since: float | None = None
    _reported_since_drain: bool = False
    _halts_ordered: set[str] = field(default_factory=set)  # on this connection
    _resumes_ordered: set[str] = field(default_factory=set)
    _kick: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._lost_at = self.around.clock()

    def view(self) -> Stream:
        now = self.around.clock()
        lost_for = 0.0 if self._heard else now - self._lost_at
        report = self._report
        return Stream(
            report=report,
            connected=report is not None and lost_for < self.around.lost_grace_s,
            lost_for_s=lost_for,
            untried=self._untried and not self._heard,
            answer=self._answer,
            sent_hash=self._sent_hash,
            draining_for_s=None if self._drain_since is None else now - self._drain_since,
            drain_reason=self._drain,
            reported_since_drain=self._reported_since_drain,
            halts_ordered=frozenset(self._halts_ordered),
            resumes_ordered=frozenset(self._resumes_ordered),
            halt_times={halt.id: moment(halt.at_ns) for halt in report.halts} if report else {},
            trouble=self._trouble,
        )

    @property
    def venues(self) -> tuple[VenueReport, ...]:
        """As the slot sees them; of one that is not heard: as it did."""
        return self._report.venues if self._report else ()

    @property
    def slot(self) -> int | None:
        """None while it is not heard."""
        return self._report.slot if self._report and self._heard else None

    @property
    def _who(self) -> dict[str, str]:
        """In the log."""
        return {**of_bot(*self.bot), "pod": self.pod}

    @property
    def _url(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address  # IPv6
        return f"wss://{host}:{self.around.port}{CONTROL_PATH}"

    def kick(self) -> None:
        """Something about the pod changed: do not wait for the back-off."""
        self._kick.set()

    async def drain(self, reason: str, *, flatten: bool) -> None:
        """Asked once, and again on every new connection: a restarted process knows nothing of it."""
        if self._drain_since is None or flatten > self._drain_flattens:
            self._drain, self._drain_since, self._drain_flattens = reason, self.around.clock(), flatten
        await self._send_drain()

    async def configure(self, document: str, config_hash: str) -> None:
        if await self._send(Configure(term=self.around.leader.term, document=document)):
            self._sent_hash = config_hash

    async def halt(self, halt: HaltStatus) -> None:
        message = HaltTrading(term=self.around.leader.term, id=halt.id, reason=halt.reason, by=halt.by,
                              message=halt.message, flatten=halt.policy is OnBreach.FLATTEN)  # fmt: skip
        if await self._send(message):
            self._halts_ordered.add(halt.id)

    async def resume(self, halt_id: str, by: str) -> None:
        said = self._spoken.get(halt_id, halt_id)
        if await self._send(Resume(term=self.around.leader.term, halt_id=said, by=by)):
            self._resumes_ordered.add(halt_id)

    async def run(self) -> None:
        """Connect, listen, connect again; until it is cancelled."""
        backoff = BACKOFF_S
        while True:
            self._kick.clear()
            try:
                await self._connection()
            except (aiohttp.ClientError, TimeoutError, OSError, IdentityUnavailable, *UNREADABLE) as error:
                self._failed(error)
            else:
                self._trouble = f"{self._url}: closed by the pod"
            self._untried = False
            if self._heard:
                backoff = BACKOFF_S
            self._lose()
            await self._pause(backoff * (0.5 + self.around.random() / 2))
            backoff = min(backoff * 1.6, BACKOFF_MAX_S)

    async def _connection(self) -> None:
        # Who was not reached has turns of its own: a lost node's pods take three seconds each, and hold nobody up.
        async with self.around.turns_again if self._trouble else self.around.turns:
            socket = await self._connected()
        self.counters["connected"] += 1
        self.certificate_until = ssl.cert_time_to_seconds(socket.get_extra_info("peercert")["notAfter"])
        self._limit_s = SILENCE_S
        try:
            self._socket = socket
            leader = self.around.leader
            await self._send(Hello(term=leader.term, operator=leader.identity))
            await self._send_drain()
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    raise aiohttp.ClientError(f"unexpected frame: {frame.type.name}")
                if frame.data == self._reported_text:
                    self._repeated()
                else:
                    self._hear(self._decoder.decode(self._token.frame(frame.data)), frame.data)
        finally:
            self._socket = None
            await socket.close()

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        self._limit_s = CONNECT_S
        identity = await self.around.identity(self.bot)
        self._token = OneSecret(identity.token)
        context = ssl.create_default_context(cadata=identity.authorities)
        async with asyncio.timeout(CONNECT_S):
            return await self.session.ws_connect(
                self._url,
                ssl=context, server_hostname=identity.server_name, max_msg_size=MAX_FRAME_BYTES,
                headers={"Authorization": f"Bearer {identity.token}"},
                timeout=aiohttp.ClientWSTimeout(ws_receive=SILENCE_S, ws_close=1.0),
            )  # fmt: skip

    def _hear(self, message: PodMessage, text: str) -> None:
        match message:
            case SlotReport():
                self._reported_text = text
                self._spoken = {ours: halt.id for halt in message.halts if (ours := known_id(halt.id)) != halt.id}
                self._reported(within_bounds(message))
            case ConfigAnswered():
                self._answer = message
                self.counters[f"{CONFIG}{message.outcome}"] += 1
                self.around.changed(self.bot, Priority.CHILD)
            case HaltAnswered():
                self._halt_answered(message)
            case CommandRefused():
                self.counters[f"refused_{message.reason}"] += 1
                log.error("CommandRefused", **self._who, reason=message.reason, message=message.message)
                if message.reason == STALE_TERM:
                    raise aiohttp.ClientError(f"{self.pod} has heard a leader with a higher term")

    def _halt_answered(self, answer: HaltAnswered) -> None:
        """What was done shows in the reports; what was not is asked for again, a little later."""
        self.counters["halts_done" if answer.done else "halts_not_done"] += 1
        if not answer.done:
            log.warning("HaltNotDone", **self._who, halt_id=answer.halt_id, message=answer.message)
            self._halts_ordered.discard(known_id(answer.halt_id))
            self._resumes_ordered.discard(known_id(answer.halt_id))
            self.around.changed_after(self.bot, ASK_AGAIN_S)

    def _repeated(self) -> None:
        """Most heartbeats say what the one before has said: of a thousand pods a thousand a second."""
        if self._drain_since is not None:
            self._reported_since_drain = True

    def _reported(self, report: SlotReport) -> None:
        before = self._report if self._heard else None
        self._report, self._heard, self._trouble = report, True, ""
        self._repeated()
        if moved := set(before.venues if before else ()) ^ set(report.venues):
            self.around.venues_changed(self.bot, {venue.venue for venue in moved}, VENUES_AFTER_S)
        if before is None or essence(before) != essence(report):
            urgent = report.state is TradingState.HALTED or (before is not None and before.halts != report.halts)
            self.around.changed(self.bot, Priority.HALT if urgent or self._drain else Priority.CHILD)

    def _lose(self) -> None:
        if self._heard:
            self._lost_at = self.around.clock()
            self.counters["lost"] += 1
            self.around.changed_after(self.bot, self.around.lost_grace_s)
            self.around.venues_changed(self.bot, [venue.venue for venue in self.venues], VENUES_GONE_AFTER_S)
        self._heard, self._sent_hash, self._reported_text = False, "", ""
        self._halts_ordered.clear()
        self._resumes_ordered.clear()

    def _failed(self, error: Exception) -> None:
        self.counters[f"error_{type(error).__name__}"] += 1
        known = isinstance(error, IdentityUnavailable)  # says all there is to say
        self._trouble = str(error) if known else self._token.text(unreached(error, self._url, self._limit_s))
        log.info("ControlStreamFailed", **self._who, error=self._trouble)
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.WSServerHandshakeError | IdentityUnavailable):
            self.around.identity_failed(self.bot)

    async def _pause(self, delay_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._kick.wait()

    async def _send_drain(self) -> None:
        message = Drain(term=self.around.leader.term, reason=self._drain, flatten=self._drain_flattens)
        if self._drain and await self._send(message):
            self._reported_since_drain = False  # only what comes after it counts

    async def _send(self, message: FromOperator) -> bool:
        """Whether it left; what did not is sent after the next connection or by the next reconciliation."""
        if self._socket is None or self._socket.closed:
            return False
        try:
            async with asyncio.timeout(SEND_S):
                await self._socket.send_str(msgspec.json.encode(message).decode())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        return True
