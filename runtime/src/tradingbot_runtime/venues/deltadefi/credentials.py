"""Credentials of a DeltaDeFi account: the API key, and the password that opens its operation key."""

from collections.abc import Mapping
from dataclasses import dataclass

from tradingbot_runtime.errors import ConfigError
from tradingbot_runtime.venues.credentials import one_word


@dataclass(frozen=True, slots=True)
class DeltaDefiCredentials:
    """Prints nothing of either."""

    api_key: str
    trading_password: str  # empty: nothing will be signed, which only orders are

    def __repr__(self) -> str:
        return "DeltaDefiCredentials(...)"


def deltadefi_credentials(values: Mapping[str, str], where: str) -> DeltaDefiCredentials:
    """From the keys of a credentials Secret; ConfigError (naming `where`, never a value) when one is missing."""
    _require(values, where, "apiKey", "tradingPassword")
    # Of a password only the line end that an editor or `echo` adds is taken off: spaces may be part of it.
    return DeltaDefiCredentials(one_word(values, "apiKey", where), values["tradingPassword"].rstrip("\r\n"))


def credentials_to_cancel(values: Mapping[str, str], where: str) -> DeltaDefiCredentials:
    """For who only asks and cancels: a password that is wrong or lost must not keep orders in the market."""
    _require(values, where, "apiKey")
    return DeltaDefiCredentials(one_word(values, "apiKey", where), trading_password="")


def _require(values: Mapping[str, str], where: str, *names: str) -> None:
    for name in names:
        if not values.get(name, "").strip():
            raise ConfigError(f"{where}: {name} is missing; wanted: {' and '.join(names)}")
