"""What is made once and never applied again: control Secrets, slots' Leases, and Jobs that withdraw orders."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from tradingbot_operator.api_errors import BelongsToSomebodyElse, Conflict
from tradingbot_operator.certificates import control_secret
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.core.conditions import Reason
from tradingbot_operator.core.observed import Bot, Manifest
from tradingbot_operator.core.outcome import Announcement, Outcome
from tradingbot_operator.observation import Observer
from tradingbot_operator.recorder import Recorder
from tradingbot_operator.store import Name, Store, slim
from tradingbot_operator.taken_names import refuse_foreign


@dataclass(frozen=True, slots=True)
class MadeOnce:
    """Raises ApiError when the API server did not."""

    cluster: Cluster
    store: Store
    recorder: Recorder
    observer: Observer
    now: Callable[[], datetime]
    forget_identity: Callable[[Name], None]

    async def find_control_secret(self, bot: Bot) -> None:
        """Neither listed nor watched: looked for here when it is not known, or may be what lacks (`ControlSecrets`)."""
        name = names.control_secret(bot.name)
        known = self.store.get("Secret", (bot.namespace, name)) is not None
        if bot.metadata.deleting or (known and not self._awaits_volumes(bot)):
            return
        self.store.forget("Secret", (bot.namespace, name))
        if (found := await self.cluster.metadata("Secret", bot.namespace, name)) is not None:
            self.store.put("Secret", slim("Secret", found))

    def _awaits_volumes(self, bot: Bot) -> bool:
        """Kubelet says in an Event only that a Secret it should mount is not there."""
        pods = self.observer.pods((bot.namespace, bot.name))
        return any((pod.get("status") or {}).get("phase") in {None, "Pending"} for pod in pods)

    async def control_secret(self, bot: Bot) -> None:
        name = names.control_secret(bot.name)
        before = await self.cluster.get("Secret", bot.namespace, name)
        if before is not None:
            refuse_foreign("Secret", before, bot)
        secret = control_secret(bot, self.now(), before)
        if before is None:
            stored = await self.cluster.create(secret)
        else:
            before_metadata = before["metadata"]
            versioned = secret["metadata"] | {"resourceVersion": before_metadata["resourceVersion"]}
            stored = await self.cluster.replace(secret | {"metadata": versioned})
            self.recorder.tell(bot, Announcement(Reason.CERTIFICATE_RENEWED, "of the control stream"))
        self.forget_identity((bot.namespace, bot.name))
        self.store.put("Secret", slim("Secret", stored))

    async def lease(self, bot: Bot, lease: Manifest) -> str:
        """The uid of the slot's Lease. One that a lost answer of ours left behind is taken up, not made again."""
        try:
            stored = await self.cluster.create(lease)
        except Conflict:
            found = await self.cluster.get("Lease", bot.namespace, lease["metadata"]["name"])
            owners = ((found or {}).get("metadata") or {}).get("ownerReferences") or ()
            if found is None or all(owner.get("uid") != bot.metadata.uid for owner in owners):
                raise BelongsToSomebodyElse(f"Lease/{lease['metadata']['name']}") from None
            stored = found
        return str(stored["metadata"]["uid"])

    async def withdrawals(self, bot: Bot, outcome: Outcome) -> None:
        """One that exists was made by a reconciliation whose status was lost."""
        for job in outcome.withdraw:
            with suppress(Conflict):
                await self.cluster.create(job)
        for gone in outcome.withdrawn:
            await self.cluster.delete(gone.kind, bot.namespace, gone.name, gone.uid)
