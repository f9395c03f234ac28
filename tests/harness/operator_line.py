"""An operator's line to a real bot: one command at a time, and what it answers."""

import asyncio
import secrets
import ssl
from dataclasses import dataclass

import aiohttp

from harness.control_peer import Peer
from harness.runtime_process import RuntimeProcess
from harness.self_signed import Authority
from tradingbot_runtime.model.control import (
    CONTROL_PATH,
    CommandRefused,
    ConfigAnswered,
    Configure,
    HaltAnswered,
    HaltTrading,
    Hello,
    Resume,
)

WORDS_WITHIN_S = 10.0


@dataclass
class Line:
    """An operator's line to one bot."""

    authority: Authority
    bot: RuntimeProcess

    def say(self, message: HaltTrading | Resume | Configure) -> ConfigAnswered | HaltAnswered | CommandRefused:
        return asyncio.run(self._say(message))

    async def _say(self, message: HaltTrading | Resume | Configure) -> ConfigAnswered | HaltAnswered | CommandRefused:
        port = self.bot.until_logged("ControlStreamListening")[0]["port"]
        tls = ssl.create_default_context(cadata=self.authority.pem)
        headers = {"Authorization": f"Bearer {(self.bot.folder / 'token').read_text()}"}
        async with asyncio.timeout(WORDS_WITHIN_S), aiohttp.ClientSession() as session:
            url = f"https://127.0.0.1:{port}{CONTROL_PATH}"
            async with session.ws_connect(url, ssl=tls, headers=headers) as socket:
                peer = Peer(socket)
                await peer.say(Hello(term=1, operator="test"))
                await peer.say(message)
                return await peer.hear_answer()


def line_to_quoting(bot: RuntimeProcess, orders: int = 4) -> Line:
    """Start the bot, with an ear for its operator, and wait until it quotes."""
    authority = Authority("bot")
    authority.write_server(bot.folder)
    (bot.folder / "token").write_text(secrets.token_urlsafe())
    bot.options = (*bot.options, "--control", str(bot.folder), "--control-port", "0")
    bot.start().until_quoting(orders)
    return Line(authority, bot)
