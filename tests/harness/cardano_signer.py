"""Stands in for `CardanoSigner`, which the official DeltaDeFi SDK signs with: a Rust module that has no wheels.

It has the three functions that the SDK's wallets call. The one that is used signs with the runtime's own key, so the
SDK's tests against the simulator also test that.
"""

import sys
from types import ModuleType

from tradingbot_runtime.venues.deltadefi.bip32 import PAYMENT_PATH, ExtendedKey
from tradingbot_runtime.venues.deltadefi.operation_key import OperationKey

PATH = "m/1852'/1815'/0'/0/0"


def sign_bech32(root_key: str, path: str, tx_hex: str) -> str:
    """The transaction with the signature of the key at `path` below `root_key`."""
    if path != PATH:
        raise ValueError(f"{path}: only {PATH} is used")
    return OperationKey(ExtendedKey.of_bech32(root_key).derive(PAYMENT_PATH)).signed(tx_hex)


def _not_here(*_: str) -> str:
    raise NotImplementedError("the SDK's operation wallet signs with a root key")


def install() -> None:
    """Make `import CardanoSigner` find it."""
    module = ModuleType("CardanoSigner")
    vars(module).update(sign_bech32=sign_bech32, sign_mnemonic=_not_here, sign_cli=_not_here)
    sys.modules["CardanoSigner"] = module
