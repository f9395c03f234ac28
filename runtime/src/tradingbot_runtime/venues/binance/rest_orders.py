"""Orders to Binance spot over REST: each request in a task of its own, a few at once, none of them sent twice.

An answer is handed on as the frame that the websocket API would have sent, so that one table says what it proves.
Source: Binance spot API documentation, "Trading endpoints". `DELETE /api/v3/openOrders` is not among them: it would
cancel the orders of everybody who shares the account.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol

import msgspec
import structlog

from tradingbot_runtime.errors import VenueError
from tradingbot_runtime.model import Cancel, OrderId
from tradingbot_runtime.owned_tasks import OwnedTasks
from tradingbot_runtime.venues.binance.answers import NOT_CONNECTED
from tradingbot_runtime.venues.binance.outcomes import RATE_LIMIT_STATUSES
from tradingbot_runtime.venues.binance.replies import Frame, RetryAfter
from tradingbot_runtime.venues.binance.requests import Request, orders_of
from tradingbot_runtime.venues.binance.rest import FAILED, Answer, BinanceRest, NotReached, refusal_of, retry_after_s

log = structlog.get_logger("gateway")

ORDERS_AT_ONCE = 12
CANCELS_AT_ONCE = 4  # besides: a cancel never waits behind orders
TURN_WITHIN_S = 2.0  # what could not leave by then is out of date
ORDER_FIRST_S = 1.0  # for so long a request waits for the one before it about the same order
STALE = "Stale"
_REDIRECTS = 300
_ENDPOINTS = {
    "order.place": ("POST", "order"),
    "order.cancel": ("DELETE", "order"),
    "order.cancelReplace": ("POST", "order/cancelReplace"),
}


class Listener(Protocol):
    """Who hears what became of a request: one of these, or nothing once it is forgotten."""

    def on_reply(self, frame: Frame) -> None: ...
    def on_unanswered(self, request_id: str, message: str) -> None: ...
    def on_unsent(self, request_id: str, reason: str) -> None: ...


class RestOrders:
    def __init__(self, rest: BinanceRest, listener: Listener) -> None:
        self._rest = rest
        self._listener = listener
        self._orders = asyncio.Semaphore(ORDERS_AT_ONCE)
        self._cancels = asyncio.Semaphore(CANCELS_AT_ONCE)
        self._tasks = OwnedTasks()
        self._requests: dict[str, asyncio.Task[None]] = {}  # by request
        self._newest: dict[OrderId, asyncio.Task[None]] = {}  # the request about an order that was sent last

    @property
    def running(self) -> bool:
        """Between the beginning of `run_beside` and its end."""
        return self._tasks.running

    async def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Until cancelled, or until `work` or a listener fails: that is raised here."""
        await self._tasks.run(work)

    def send(self, request: Request) -> None:
        """Never waits. A cancel does not overtake its order: the venue would know nothing to cancel.

        What is on its way already is not sent again; its answer is the answer to both.
        """
        if request.id in self._requests:
            return
        orders = orders_of(request.command)
        before = {self._newest[order_id] for order_id in orders if order_id in self._newest}
        task = self._requests[request.id] = self._tasks.spawn(self._carry_out(request, before))
        self._newest.update(dict.fromkeys(orders, task))
        task.add_done_callback(self._finished(request))

    def forget(self, request_id: str) -> None:
        """Nobody waits for its answer any more, so that it must not leave later either."""
        if task := self._requests.get(request_id):
            task.cancel()

    async def _carry_out(self, request: Request, before: Collection["asyncio.Task[None]"]) -> None:
        if before:
            await asyncio.wait(before, timeout=ORDER_FIRST_S)
        turns = self._cancels if isinstance(request.command, Cancel) else self._orders
        try:
            async with asyncio.timeout(TURN_WITHIN_S):
                await turns.acquire()
        except TimeoutError:
            self._listener.on_unsent(request.id, STALE)
            return
        try:
            await self._exchange(request)
        finally:
            turns.release()

    async def _exchange(self, request: Request) -> None:
        if self._rest.blocked_for_s > 0:  # since it was decided to send this
            self._listener.on_unsent(request.id, NOT_CONNECTED)
            return
        method, path = _ENDPOINTS[request.method]
        try:
            answer = await self._rest.send_once(method, path, request.parameters)
        except NotReached as failure:
            log.warning("RequestNotSent", orders=orders_of(request.command), message=str(failure))
            self._listener.on_unsent(request.id, NOT_CONNECTED)
        except VenueError as failure:
            self._listener.on_unanswered(request.id, str(failure))
        else:
            if _REDIRECTS <= answer.status < FAILED:
                self._listener.on_unanswered(request.id, f"HTTP {answer.status}")
            else:
                self._listener.on_reply(_frame(request.id, answer))

    def _finished(self, request: Request) -> Callable[["asyncio.Task[None]"], None]:
        def ended(task: asyncio.Task[None]) -> None:
            del self._requests[request.id]
            for order_id in orders_of(request.command):
                if self._newest.get(order_id) is task:
                    del self._newest[order_id]

        return ended


def _frame(request_id: str, answer: Answer) -> Frame:
    if answer.status < FAILED:
        return Frame(id=request_id, status=answer.status, result=msgspec.Raw(answer.body))
    refusal = refusal_of(answer)
    if answer.status in RATE_LIMIT_STATUSES:  # REST tells in a header what the websocket API tells in the error
        refusal.data = msgspec.Raw(msgspec.json.encode(RetryAfter(0, retry_after_s(answer.headers) * 1000)))
    return Frame(id=request_id, status=answer.status, error=refusal)
