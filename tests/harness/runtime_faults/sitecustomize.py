"""Bugs whose text holds a secret, in a process of the runtime. Python runs this when its folder is on the path.

`BUG_IN`: `question`, raised in a task beside the others; `end`, raised where nobody catches anything.
"""

import os
from typing import Any, NoReturn

from tradingbot_runtime.app import App
from tradingbot_runtime.venues.binance.queries import BinanceQueries

SECRET = os.environ.get("BUG_TELLS", "")


async def _question(*_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - whatever is asked
    raise LookupError(f"bug: headers were {{'X-MBX-APIKEY': {SECRET!r}}}")


async def _end(*_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - as above
    raise LookupError(f"bug: credentials were {SECRET!r}")


match os.environ.get("BUG_IN"):
    case "question":
        BinanceQueries.balances = _question  # type: ignore[method-assign]  # the fault
    case "end":
        App._end = _end  # type: ignore[method-assign]  # noqa: SLF001 - the fault
