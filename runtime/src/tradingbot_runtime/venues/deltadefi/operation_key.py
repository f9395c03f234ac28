"""The operation key: kept by the venue, encrypted with the account's trading password; it signs orders, nothing else.

It is decrypted once and lives in memory only. Source: DeltaDeFi API documentation, "Operation key", and the official
SDK's cipher (AES-256-GCM, key from PBKDF2-SHA256 with 100,000 rounds; the salt is zeroes where none is named).
"""

import base64
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from tradingbot_runtime.venues.deltadefi.bip32 import PAYMENT_PATH, ExtendedKey
from tradingbot_runtime.venues.deltadefi.transaction import Transaction

ROUNDS = 100_000
_KEY_BYTES = 32


class KeyRefused(Exception):
    """The operation key cannot be used. The message says why and holds nothing secret."""


class _Envelope(msgspec.Struct):
    iv: str
    ciphertext: str
    salt: str = ""


@dataclass(frozen=True, slots=True)
class OperationKey:
    """Signs transactions with the account's first payment key. Prints nothing of it."""

    key: ExtendedKey

    def __repr__(self) -> str:
        return "OperationKey(...)"

    def signed(self, tx_hex: str) -> str:
        """The transaction with our signature, in hex; ValueError when `tx_hex` is no transaction."""
        transaction = Transaction.of_hex(tx_hex)
        return transaction.with_witness(self.key.public, self.key.sign(transaction.hash)).hex()


def operation_key(encrypted: str, password: str) -> OperationKey:
    """The key in `encrypted`, the venue's JSON text. Takes some 25 ms of CPU. Raises KeyRefused."""
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        raise KeyRefused("the trading password is no UTF-8 text") from None
    try:
        envelope = msgspec.json.decode(encrypted, type=_Envelope)
        iv, sealed = base64.b64decode(envelope.iv), base64.b64decode(envelope.ciphertext)
        salt = base64.b64decode(envelope.salt) or bytes(len(iv))
        derived = PBKDF2HMAC(SHA256(), _KEY_BYTES, salt, ROUNDS).derive(secret)
        text = AESGCM(derived).decrypt(iv, sealed, None).decode("ascii")
    except InvalidTag:
        raise KeyRefused("the trading password does not open the account's operation key") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise KeyRefused(f"the venue's encrypted operation key is not readable ({type(error).__name__})") from None
    try:
        return OperationKey(ExtendedKey.of_bech32(text.strip()).derive(PAYMENT_PATH))
    except ValueError as error:
        raise KeyRefused(f"the operation key is no Cardano root key: {error}") from None
