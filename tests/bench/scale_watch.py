"""What the bench sees through watches of its own, and when: bots' conditions and halts, and applied configurations.

Times are seconds of CLOCK_MONOTONIC.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.api_client import Object
from harness.async_api import AsyncApi
from tradingbot_operator.core import names

LOOK_S = 0.05
SPREAD = re.compile(r'"spreadBps":\s*"([^"]+)"')


@dataclass(slots=True)
class Sight:
    bots: dict[str, Object] = field(default_factory=dict)  # by name, the last that was told
    spreads: dict[tuple[str, str], float] = field(default_factory=dict)  # (bot, spreadBps applied) -> when
    halted: dict[str, float] = field(default_factory=dict)  # bot -> Halted=True since
    held: dict[tuple[str, str], float] = field(default_factory=dict)  # (bot, TradingHalt confirmed in status) -> when

    @classmethod
    @asynccontextmanager
    async def of(cls, api: AsyncApi, namespace: str) -> AsyncIterator["Sight"]:
        sight = cls()
        heard = (("TradingBot", sight.hear_bot, ""), ("ConfigMap", sight.hear_config_map, names.SELECTOR))
        watches = [asyncio.create_task(api.watch(kind, namespace, hear, chosen)) for kind, hear, chosen in heard]
        try:
            yield sight
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    def hear_bot(self, event: str, bot: Object) -> None:
        name, now = bot["metadata"]["name"], time.monotonic()
        if event == "DELETED":
            self.bots.pop(name, None)
            return
        self.bots[name] = bot
        if condition(bot, "Halted") == "True":
            self.halted.setdefault(name, now)
        else:
            self.halted.pop(name, None)
        for halt in (bot.get("status") or {}).get("halts") or ():
            if halt.get("confirmed", True) and halt.get("tradingHalt"):
                self.held.setdefault((name, halt["tradingHalt"]), now)

    def hear_config_map(self, _: str, config_map: Object) -> None:
        document = (config_map.get("data") or {}).get(names.slot_document(0), "")
        if found := SPREAD.search(document):
            bot = config_map["metadata"]["labels"][names.BOT]
            self.spreads.setdefault((bot, found[1]), time.monotonic())

    def converged(self) -> int:
        """Bots that are ready, with nothing left to do."""
        return sum(1 for bot in self.bots.values()
                   if condition(bot, "Ready") == "True" and condition(bot, "Reconciling") == "False")  # fmt: skip


def condition(bot: Object, kind: str) -> str:
    found = (bot.get("status") or {}).get("conditions") or ()
    return next((c["status"] for c in found if c["type"] == kind), "")


class NotInTime(Exception):
    """What was waited for did not come; the message says how far it got."""


async def until(met: Callable[[], bool], within_s: float, what: Callable[[], str]) -> float:
    """When it was met. Raises NotInTime."""
    end = time.monotonic() + within_s
    while not met():
        if time.monotonic() > end:
            raise NotInTime(f"not within {within_s:.0f} s: {what()}")
        await asyncio.sleep(LOOK_S)
    return time.monotonic()
