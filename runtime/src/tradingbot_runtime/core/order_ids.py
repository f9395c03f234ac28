"""Client order ids: 128 bits as 32 hex characters, a pure function of the committed intent.

    magic 16 | bot 32 | slot 8 | epoch 16 | sequence 32 | leg 8 | crc 16

32 lowercase hex characters are legal on every venue checked (Binance, Kraken, OKX, Hyperliquid). Magic and bot tell
our orders from foreign ones, the epoch tells an old pod's from a new one's, the crc tells ours from chance.
"""

import hashlib
from binascii import crc_hqx
from dataclasses import dataclass
from typing import NamedTuple

from tradingbot_runtime.model import OrderId

MAGIC = 0x7B07
LENGTH = 32
MAX_EPOCH = 0xFFFF


class OrderKey(NamedTuple):
    """What an order id says."""

    bot: int
    slot: int
    epoch: int
    sequence: int
    leg: int = 0


def bot_number(uid: str) -> int:
    """32 bits that stand for a bot's UID."""
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4], "big")


def number_text(number: int) -> str:
    """A bot's number as people write it: eight hexadecimal digits, as in its orders' ids."""
    return f"{number:08x}"


def encode(key: OrderKey) -> OrderId:
    """The id of `key`; OverflowError when a part does not fit (a sequence lasts 4 billion orders)."""
    head = b"".join(
        (
            MAGIC.to_bytes(2, "big"),
            key.bot.to_bytes(4, "big"),
            key.slot.to_bytes(1, "big"),
            key.epoch.to_bytes(2, "big"),
            key.sequence.to_bytes(4, "big"),
            key.leg.to_bytes(1, "big"),
        )
    )
    return OrderId((head + crc_hqx(head, 0xFFFF).to_bytes(2, "big")).hex())


def decode(text: str) -> OrderKey | None:
    """What `text` says, or None when it is not an id of ours."""
    if len(text) != LENGTH:
        return None
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    if int.from_bytes(raw[:2], "big") != MAGIC or crc_hqx(raw[:14], 0xFFFF) != int.from_bytes(raw[14:], "big"):
        return None
    return OrderKey(
        bot=int.from_bytes(raw[2:6], "big"),
        slot=raw[6],
        epoch=int.from_bytes(raw[7:9], "big"),
        sequence=int.from_bytes(raw[9:13], "big"),
        leg=raw[13],
    )


@dataclass(slots=True)
class OrderIds:
    """Ids of one process' life: a counter, so that a replay issues the same ones."""

    bot: int
    slot: int
    epoch: int
    used: int = 0

    def ahead(self, distance: int, leg: int = 0) -> OrderId:
        """The id that comes `distance` after the next one; it is free until `use` says otherwise."""
        return encode(OrderKey(self.bot, self.slot, self.epoch, self.used + 1 + distance, leg))

    def use(self, order_id: OrderId) -> None:
        key = decode(order_id)
        if key is None:
            raise ValueError(order_id)
        self.used = max(self.used, key.sequence)
