"""Keys and signatures of DeltaDeFi accounts, against published vectors and an independent implementation of Ed25519."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from harness.deltadefi_venue import XPRV, sealed
from tradingbot_runtime.venues.deltadefi.bip32 import PAYMENT_PATH, ExtendedKey
from tradingbot_runtime.venues.deltadefi.operation_key import KeyRefused, operation_key
from tradingbot_runtime.venues.deltadefi.transaction import Transaction, item_end

# The transaction of the vector that the official SDK publishes in its tests (python-sdk, tests/clients/test_sign.py).
BODY = (
    "a4008182582004509185eb98edd8e2420c1ceea914d6a7a3142041039b2f12b4d4f03162d56f04018282581d605867c3b8e27840f556ac268b78"
    "1578b14c5661fc63ee720dbeab663f1a000f42408258390004845038ee499ee8bc0afe56f688f27b2dd76f230d3698a9afcc1b66e0464447c1f5"
    "1adaefe1ebfb0dd485a349a70479ced1d198cbdf7fe71a15d35396021a0002917d075820bdaa99eb158414dea0a91d6c727e2268574b23efe6e0"
    "8ab3b841abe8059a030c"
)
PUBLIC = "89f4b576f05f5aad99bce0bdd51afe48529772f7561bb2ac9d84a4afbda1ecd6"
SIGNATURE = (
    "4cd1466fcc4579fa9c89656dbbd25ca659cccf2d2783417ef13a1b060bf836fbe8383c10e25c6fa323c1c81a0799e87e6cf3eaa25990113b2795"
    "3a9836635a01"
)
WITNESS = f"825820{PUBLIC}5840{SIGNATURE}"
UNSIGNED = f"84{BODY}a0f5d90103a0"


@pytest.mark.parametrize("salt", [b"", b"sixteen bytes ok"])
def test_the_sdks_published_vector_is_signed_byte_for_byte(salt: bytes) -> None:
    key = operation_key(sealed(XPRV, "trading password", salt), "trading password")

    assert key.signed(UNSIGNED) == f"84{BODY}a10081{WITNESS}f5d90103a0"


@given(st.binary(max_size=100), st.integers(0, 2**31 - 1), st.integers(2**31, 2**32 - 1))
def test_every_derived_key_signs_so_that_another_implementation_agrees(message: bytes, soft: int, hard: int) -> None:
    key = ExtendedKey.of_bech32(XPRV).derive((hard, soft))

    Ed25519PublicKey.from_public_bytes(key.public).verify(key.sign(message), message)


def test_the_path_is_that_of_the_first_payment_key() -> None:
    assert ExtendedKey.of_bech32(XPRV).derive(PAYMENT_PATH).public.hex() == PUBLIC


MADE_UP = "aa" * 32, "bb" * 64
ADDED = f"825820{MADE_UP[0]}5840{MADE_UP[1]}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a0", f"a10081{ADDED}"),
        (f"a10081{WITNESS}", f"a10082{WITNESS}{ADDED}"),
        (f"a100d9010281{WITNESS}", f"a100d9010282{WITNESS}{ADDED}"),
        ("a1058184000000a0", f"a20081{ADDED}058184000000a0"),
        (f"a203800081{WITNESS}", f"a203800082{WITNESS}{ADDED}"),
    ],
    ids=["none yet", "another signature", "another in a set", "a redeemer", "scripts first"],
)
def test_a_signature_is_added_to_the_witnesses_and_nothing_else_changes(before: str, after: str) -> None:
    public, signature = (bytes.fromhex(part) for part in MADE_UP)

    signed = Transaction.of_hex(f"84{BODY}{before}f5f6").with_witness(public, signature)

    assert signed.hex() == f"84{BODY}{after}f5f6"


def test_the_body_keeps_an_encoding_that_is_not_canonical() -> None:
    odd = "bf" + "1800" + "01" + "02" + "9f0102ff" + "03" + "5f4101ff" + "04" + "fb3ff0000000000000" + "ff"

    signed = Transaction.of_hex(f"83{odd}a0f6").with_witness(bytes(32), bytes(64))

    assert signed.hex().startswith(f"83{odd}a1")
    assert signed.hash == hashlib.blake2b(bytes.fromhex(odd), digest_size=32).digest()


BAD_TRANSACTIONS = {
    "nothing": "",
    "no hex": "zz",
    "a number": "01",
    "two parts": "82a0a0",
    "cut off": UNSIGNED[:-4],
    "cut off within a text": "84a10165",
    "more after it": UNSIGNED + "00",
    "a break out of place": "84ffa0f5f6",
    "a length without bytes": "84" + "5bffffffffffffffff",
    "deeper than any stack": "84" + "81" * 100_000,
    "reserved bits": "841c",
}


@pytest.mark.parametrize("text", BAD_TRANSACTIONS.values(), ids=BAD_TRANSACTIONS)
def test_what_is_no_transaction_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Transaction.of_hex(text)


@pytest.mark.parametrize("witnesses", ["80", "bf00ff", "a100a0", "a1009f00ff"])
def test_a_witness_set_that_cannot_be_added_to_is_refused(witnesses: str) -> None:
    with pytest.raises(ValueError, match="witness"):
        Transaction.of_hex(f"84a0{witnesses}f5f6").with_witness(bytes(32), bytes(64))


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        end = item_end(data, 0)
    except ValueError:
        return
    assert 0 < end <= len(data)


def refusal(encrypted: str, password: str = "right") -> str:  # noqa: S107 - a test's own
    with pytest.raises(KeyRefused) as refused:
        operation_key(encrypted, password)
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_a_key_that_cannot_be_used_is_refused_without_a_secret_in_the_message() -> None:
    changed = XPRV[:-1] + ("q" if XPRV[-1] != "q" else "p")
    said = {
        "wrong password": refusal(sealed(XPRV, "wrong")),
        "no JSON": refusal("{"),
        "no base64": refusal('{"iv": "*", "ciphertext": "*"}'),
        "empty": refusal('{"iv": "", "ciphertext": ""}'),
        "another prefix": refusal(sealed("xpub1qqqqqq", "right")),
        "a letter changed": refusal(sealed(changed, "right")),
        "a letter that bech32 has not": refusal(sealed("xprv1bbbbbbb", "right")),
        "too short": refusal(sealed("xprv10zsh2p", "right")),
        "a password of no text": refusal(sealed(XPRV, "right"), "right\udcff"),
    }

    assert said["wrong password"] == "the trading password does not open the account's operation key"
    assert said["a password of no text"] == "the trading password is no UTF-8 text", "and the venue's key is good"
    assert "checksum" in said["a letter changed"]
    assert not any(XPRV[5:20] in text or "right" in text for text in said.values())


def test_nothing_of_a_key_is_printed() -> None:
    key = operation_key(sealed(XPRV, "right"), "right")

    shown = f"{key} {key!r} {key.key} {key.key!r}"
    assert shown == "OperationKey(...) OperationKey(...) ExtendedKey(...) ExtendedKey(...)"
