"""A Cardano transaction as the venue builds it: its hash, and a witness put in without re-encoding anything else. Pure.

    transaction = [body, witness set, is valid, auxiliary data]        witness set = {0: [[public key, signature], ...]}

A re-encoded body could have another hash than the one that the venue built, so the bytes are kept as they came.
Sources: RFC 8949 (CBOR); the Cardano ledger's CDDL (`transaction`, `transaction_witness_set`, `vkeywitness`).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

_BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = 2, 3, 4, 5, 6, 7  # major types
_CONTAINERS: Mapping[int, Callable[[int], int]] = {_ARRAY: lambda n: n, _MAP: lambda n: 2 * n, _TAG: lambda _: 1}
_ONE_BYTE, _EIGHT_BYTES, _INDEFINITE = 24, 27, 31  # arguments behind the head byte, and none at all
_UNTIL_BREAK = -1
_SMALL = 23  # the largest count that the head byte itself holds
_SET_TAG = b"\xd9\x01\x02"  # tag 258: a set, as newer eras write lists of witnesses
_VKEY_WITNESSES = 0  # key of the witness set
_PARTS = (3, 4)  # before and since the Alonzo era


@dataclass(frozen=True, slots=True)
class Transaction:
    """The parts of a transaction, each as the bytes that it came in."""

    head: bytes
    body: bytes
    witnesses: bytes
    rest: bytes

    @classmethod
    def of_hex(cls, text: str) -> Self:
        """ValueError when `text` is not the hex form of a transaction."""
        raw = bytes.fromhex(text)
        if not raw or raw[0] >> 5 != _ARRAY or raw[0] & 31 not in _PARTS:
            raise ValueError("a transaction is a list of three or four parts")
        body_end = item_end(raw, 1)
        witnesses_end = item_end(raw, body_end)
        end = witnesses_end
        for _ in range((raw[0] & 31) - 2):
            end = item_end(raw, end)
        if end != len(raw):
            raise ValueError(f"{len(raw) - end} bytes follow the transaction")
        return cls(raw[:1], raw[1:body_end], raw[body_end:witnesses_end], raw[witnesses_end:])

    @property
    def hash(self) -> bytes:
        """What is signed: blake2b-256 of the body."""
        return hashlib.blake2b(self.body, digest_size=32).digest()

    def with_witness(self, public: bytes, signature: bytes) -> "Transaction":
        """The transaction with one more signature. ValueError when its witness set is none."""
        witness = b"\x82\x58\x20" + public + b"\x58\x40" + signature
        return Transaction(self.head, self.body, _added(self.witnesses, witness), self.rest)

    def hex(self) -> str:
        return (self.head + self.body + self.witnesses + self.rest).hex()


def _added(witnesses: bytes, witness: bytes) -> bytes:
    count = witnesses[0] & 31
    if witnesses[0] >> 5 != _MAP or count >= _SMALL:
        raise ValueError("the witness set is not a small map")
    position = 1
    for _ in range(count):
        value_start = item_end(witnesses, position)
        value_end = item_end(witnesses, value_start)
        if witnesses[position:value_start] == bytes([_VKEY_WITNESSES]):
            longer = _appended(witnesses[value_start:value_end], witness)
            return witnesses[:value_start] + longer + witnesses[value_end:]
        position = value_end
    return bytes([_MAP << 5 | count + 1, _VKEY_WITNESSES, _ARRAY << 5 | 1]) + witness + witnesses[1:]


def _appended(items: bytes, item: bytes) -> bytes:
    tag, items = (_SET_TAG, items[len(_SET_TAG) :]) if items.startswith(_SET_TAG) else (b"", items)
    if items[0] >> 5 != _ARRAY or items[0] & 31 >= _SMALL:
        raise ValueError("the witnesses are not a short list")
    return tag + bytes([items[0] + 1]) + items[1:] + item


def item_end(data: bytes, start: int) -> int:
    """The index behind the CBOR item that begins at `start`; ValueError when there is no whole item.

    Without recursion: what a venue sends may be nested as deep as it is long.
    """
    position, left = start, [1]  # of each level: the items still to come
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        major, argument, position = _head(data, position)
        if major == _SIMPLE and argument is None:
            if left.pop() != _UNTIL_BREAK:
                raise ValueError("a break where none is due")
            continue
        if left[-1] != _UNTIL_BREAK:
            left[-1] -= 1
        if argument is None:
            left.append(_UNTIL_BREAK)
        elif major in (_BYTES, _TEXT):
            position += argument
        elif major in _CONTAINERS:
            left.append(_CONTAINERS[major](argument))
    if position > len(data):
        raise ValueError("the last item is cut off")
    return position


def _head(data: bytes, position: int) -> tuple[int, int | None, int]:
    """Major type, argument (None: indefinite, or a break), and where what follows begins."""
    if position >= len(data):
        raise ValueError("the data end within an item")
    major, short = data[position] >> 5, data[position] & 31
    position += 1
    if short < _ONE_BYTE:
        return major, short, position
    if short <= _EIGHT_BYTES:
        length = 1 << (short - _ONE_BYTE)
        return major, int.from_bytes(data[position : position + length], "big"), position + length
    if short == _INDEFINITE and major in (_BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE):
        return major, None, position
    raise ValueError("a head that CBOR does not have")
