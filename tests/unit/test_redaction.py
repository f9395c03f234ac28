"""What is secret is taken out of any text, however it is spelled; and of what is not secret nothing is."""

import base64
import json
import secrets
import tracemalloc
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tradingbot_runtime.redaction import MASK, PIECE, KnownSecrets, OneSecret
from tradingbot_runtime.venues.credentials import SecretShape

KEY = 'k+7Zq/9Lm "é" 2Xw4\\Rt8%Pn'


def in_base64(before: int, secret: str) -> str:
    """Somewhere in a longer text that is encoded as a whole, so many bytes behind a boundary of its own."""
    return base64.b64encode(b"<" * before + secret.encode() + b">>>>")[4:-8].decode()


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in capitals": str.upper,
    "in small letters": str.lower,
    "URL in capitals": lambda secret: quote(secret, safe="").upper(),
    "escaped in a string": lambda secret: "".join(f"\\u{ord(character):04x}" for character in secret),
    "escaped twice": lambda secret: "".join(f"\\\\u{ord(character):04X}" for character in secret),
    "escaped in part": lambda secret: "".join(
        c if at % 2 else f"\\u{ord(c):04x}" for at, c in enumerate(secret)
    ),
    "base64 of it alone": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 of it alone, without its end": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "Python": lambda secret: repr(secret)[1:-1],
    "URL": lambda secret: quote(secret, safe=""),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    **{f"base64, {n} before": partial(in_base64, n) for n in range(3)},
    "base64 of URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode()[:-4],
}  # fmt: skip
ANY = st.text(st.characters(codec="utf-8"))
OPAQUE = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+/=-_ ", min_size=PIECE, max_size=80
).filter(lambda secret: secret == secret.strip())


def knowing(*texts: str) -> KnownSecrets:
    secrets = KnownSecrets()
    secrets.learn(*texts)
    return secrets


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_secret_is_taken_out_in_every_spelling_and_the_rest_stays(name: str) -> None:
    assert knowing(KEY).text(f"before {SPELLINGS[name](KEY)} after") == f"before {MASK} after"


@given(OPAQUE, ANY, ANY, st.data())
def test_no_piece_of_a_secret_is_left_wherever_it_stands(
    secret: str, before: str, after: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(secret) - PIECE))
    piece = secret[at : at + data.draw(st.integers(PIECE, len(secret) - at))]
    told = knowing(secret).text(f"{before}{piece}{after}")

    assert not any(piece[i : i + PIECE] in told for i in range(len(piece) - PIECE + 1))


@example({"0": "", "": '"é'})  # a part of a spelling of the key, too short to be a piece of it
@given(st.recursive(ANY | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_what_is_not_secret_is_not_touched(tree: object) -> None:
    secrets, body = knowing(KEY, "hunter22"), json.dumps(tree).encode()

    assert secrets.body(body) == body
    assert secrets.line(body + b"\n") == body + b"\n"


@given(OPAQUE, st.sampled_from(sorted(SPELLINGS)), ANY, st.data())
def test_who_knows_one_secret_alone_tells_the_same(secret: str, name: str, before: str, data: st.DataObject) -> None:
    spelled = SPELLINGS[name](secret)
    at = data.draw(st.integers(0, len(spelled)))
    text = before + spelled[at : data.draw(st.integers(at, len(spelled)))]

    assert OneSecret(secret).text(text) == knowing(secret).text(text)
    assert OneSecret(secret).frame(json.dumps([text])) == knowing(secret).frame(json.dumps([text]))


def test_a_thousand_of_them_are_little() -> None:
    """An operator has one for each bot's stream, and a thousand bots in 250 MB."""
    tracemalloc.start()
    try:
        kept = [OneSecret(secrets.token_urlsafe(32)) for _ in range(100)]
        assert tracemalloc.get_traced_memory()[0] / len(kept) < 2_000
    finally:
        tracemalloc.stop()


def test_json_stays_json_and_its_escapes_are_read() -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    said = knowing(KEY).body(f'{{"code": -2010, "msg": "no: {escaped}", "data": [{{"x": "{escaped}"}}]}}'.encode())

    assert json.loads(said) == {"code": -2010, "msg": f"no: {MASK}", "data": [{"x": MASK}]}


def test_a_text_that_only_seems_to_have_a_secret_keeps_its_escapes() -> None:
    seeming = f"\\u00e9 {KEY[: PIECE - 2]}... \\ud83d"

    assert knowing(KEY).text(seeming) == seeming
    assert knowing(KEY).text(f"{KEY} \\ud83d").startswith(MASK), "half a character does no harm"


def test_a_body_that_is_no_json_is_text() -> None:
    assert knowing(KEY).body(f"<html>{KEY}</html>".encode() + b"\xff") == f"<html>{MASK}</html>\ufffd".encode()
    assert knowing(KEY).line(f"no: {KEY}\n".encode()) == f"no: {MASK}\n".encode(), "one line stays one"


def test_a_short_secret_is_taken_out_whole_and_what_is_in_every_word_is_no_secret() -> None:
    assert knowing("hunter22", "abc").text("hunter22: abc") == f"{MASK}: abc"


def test_each_line_of_a_key_in_pem_is_secret_and_its_armour_is_not() -> None:
    lines = ("MC4CAQAwBQYDK2VwBCIEIJxk", "Q2Vb7n8m9K1l3j5h")
    secrets = knowing("-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n".format(*lines))

    assert secrets.text(f"bad key: {lines[1]}") == f"bad key: {MASK}"
    assert secrets.text("wanted: -----BEGIN PRIVATE KEY-----") == "wanted: -----BEGIN PRIVATE KEY-----"


def test_what_is_read_as_credentials_is_secret_before_it_is_understood() -> None:
    def refuse(values: object, where: str) -> None:
        raise ValueError(f"{where}: {values}")

    secrets = KnownSecrets()
    shape = SecretShape(("apiKey",), refuse).taught_to(secrets)
    with pytest.raises(ValueError, match="folder") as refused:
        shape.parse({"apiKey": KEY, "note": "of the testnet"}, "folder")

    assert KEY not in secrets.text(refused.value.args[0].replace(repr(KEY), KEY))
    assert secrets.text("of the testnet") == "of the testnet"


def test_it_prints_nothing_of_what_it_knows() -> None:
    assert KEY not in repr(OneSecret(KEY))
    assert repr(knowing(KEY)) == "KnownSecrets(...)"
