"""The control identities of the bots, read from their Secrets when a stream needs one, and kept until it fails."""

from dataclasses import dataclass, field

from tradingbot_operator.api_errors import ApiError
from tradingbot_operator.certificates import ControlIdentity, IdentityUnavailable, read_identity
from tradingbot_operator.cluster import Cluster
from tradingbot_operator.core import names
from tradingbot_operator.store import Name


@dataclass(frozen=True, slots=True)
class Identities:
    """Bounded by the number of bots: a bot that is gone is forgotten."""

    cluster: Cluster
    _known: dict[Name, ControlIdentity] = field(default_factory=dict)

    async def get(self, bot: Name) -> ControlIdentity:
        """Raises IdentityUnavailable, also when the Secret is not there (yet)."""
        if bot not in self._known:
            name = names.control_secret(bot[1])
            try:
                secret = await self.cluster.get("Secret", bot[0], name)
                if secret is None:
                    raise IdentityUnavailable(f"no Secret {name} in namespace {bot[0]}")
                self._known[bot] = read_identity(secret, bot[1])
            except (ApiError, KeyError, ValueError) as error:
                raise IdentityUnavailable(f"Secret {name} in namespace {bot[0]}: {error}") from error
        return self._known[bot]

    def forget(self, bot: Name) -> None:
        self._known.pop(bot, None)
