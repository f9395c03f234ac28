"""Credentials that are mounted while a slot trades: tried beside those in use, and used if they are the same account's.

Orders that rest are at an account, and only its credentials can withdraw them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from tradingbot_runtime.errors import ConfigError, CredentialsRefused, VenueError
from tradingbot_runtime.journal import CredentialsNotTaken, CredentialsRecord, CredentialsTaken
from tradingbot_runtime.venues.credentials import LOOK_EVERY_S, CredentialsFolder
from tradingbot_runtime.venues.link import ADAPTERS, JITTER, VenueLink

AGAIN_S, AGAIN_MOST_S = 10.0, 300.0  # a venue may need a while to know a new key, and bans who asks with a wrong one

log = structlog.get_logger("credentials")


@dataclass(slots=True)
class Rotation:
    link: VenueLink
    note: Callable[[CredentialsRecord], None]  # in the journal
    _noted: str = ""  # why what is mounted is of no use, as was noted last
    _tried: Any = None
    _again_s: float = 0.0
    _waits_s: float = 0.0

    async def watch(self) -> None:
        """Until cancelled; at once where nothing is mounted."""
        while isinstance(self.link.credentials, CredentialsFolder):
            await asyncio.sleep(LOOK_EVERY_S)
            if self.link.introduced:
                await self.look(self.link.credentials, LOOK_EVERY_S)

    async def look(self, folder: CredentialsFolder[Any], passed_s: float) -> None:
        """`passed_s` since the last look."""
        offered = folder.offered()
        if folder.unusable:  # what was offered before is not mounted any more
            self._note_unused(folder.unusable)
            return
        if offered is None:
            self.link.offer, self._tried, self._noted = "", None, ""
            return
        if offered is not self._tried:
            self._tried, self._again_s, self._waits_s = offered, AGAIN_S, 0.0
        self._waits_s -= passed_s
        if self._waits_s > 0:
            return
        why = await self._try(offered)
        if why is None:
            return
        if why:
            self._not_used(why)
            return
        link, now_ns = self.link, self.link.now_ns()
        folder.take(offered)
        link.offer, link.refused, link.key_since_ns = "", "", now_ns
        log.info("CredentialsTaken", venue=link.name)
        self._noted = ""
        self.note(CredentialsTaken(time_ns=now_ns, venue=link.name, account=link.account, by=self._by()))

    async def _try(self, offered: Any) -> str | None:  # noqa: ANN401 - of this type of venue
        """Why they are not used; empty: they may be; None: nobody can tell now, the next look tries again."""
        link = self.link
        trial = ADAPTERS[link.spec.type](link.name, link.spec, link.now_ns, JITTER, lambda: offered, link.secrets)
        try:
            await trial.clock_offset_ns()
            account = await trial.account_id()
        except (CredentialsRefused, ConfigError) as error:
            return f"the credentials that are mounted now are not taken, the former ones go on: {error}"
        except VenueError:
            return None
        finally:
            await trial.close()
        if account != link.account:
            return f"the credentials that are mounted now are of account {account}, and the orders at {link.account}"
        return ""

    def _not_used(self, why: str) -> None:
        if self.link.offer != why:
            log.error("CredentialsNotTaken", venue=self.link.name, reason=why)
        self.link.offer = why
        self._note_unused(why)
        self._waits_s, self._again_s = self._again_s, min(2 * self._again_s, AGAIN_MOST_S)

    def _note_unused(self, why: str) -> None:
        """Once for each reason."""
        link = self.link
        if why != self._noted:
            self.note(CredentialsNotTaken(time_ns=link.now_ns(), venue=link.name, by=self._by(), message=why))
        self._noted = why

    def _by(self) -> str:
        """Who has changed it is known to whoever guards the Secret."""
        secret, mounted = self.link.spec.credentials_secret_ref, self.link.credentials
        folder = mounted.folder if isinstance(mounted, CredentialsFolder) else ""
        return f"Secret/{secret.name}" if secret is not None else f"files in {folder}"
