"""How the answer to an HTTP request reaches the client, or does not."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from tradingbot_runtime.simulator.request_faults import Delivery, Ordeal

NEVER_S = 60.0  # a client that has not given up by then is cut off
_LOOK_S = 0.05


async def undergo(
    request: web.Request, fate: Ordeal, answer: Callable[[], Awaitable[web.Response]]
) -> web.StreamResponse:
    """Answer a request as its fate has it. `answer` is asked unless nothing is done and nothing said."""
    await request.read()  # all of it is here, whoever hangs up while it is on its way
    if fate.delay_s:
        await asyncio.sleep(fate.delay_s)
    answered = fate.delivery not in (Delivery.CUT, Delivery.NEVER)
    response = await answer() if fate.handled or answered else web.Response()
    match fate.delivery:
        case Delivery.WHOLE:
            return response
        case Delivery.CUT:
            return _cut(request)
        case Delivery.NEVER:
            return await _never(request)
        case Delivery.HALF:
            return await _half(request, response)
        case Delivery.GARBAGE:
            response.body = _body(response)[: len(_body(response)) // 2]
            return response


def _body(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _never(request: web.Request) -> web.Response:
    waited_s = 0.0
    while waited_s < NEVER_S and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(_LOOK_S)
        waited_s += _LOOK_S
    return _cut(request)


async def _half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """All headers, half of the body, and the end of the connection."""
    body = _body(response)
    cut = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()  # unlike abort, after what has been written
    return cut
