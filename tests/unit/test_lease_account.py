"""Whose token it is, by what it says; one that says nothing is of nobody known."""

import base64

import pytest

from tradingbot_runtime.lease.api import account_of


def token(claims: str) -> str:
    payload = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    return f"header.{payload}.signature"


@pytest.mark.parametrize("name", ["m", "ma", "mak", "maker"])
def test_a_projected_token_names_its_account(name: str) -> None:
    claims = f'{{"iss":"x","kubernetes.io":{{"pod":{{"uid":"p"}},"serviceaccount":{{"name":"{name}","uid":"u"}}}}}}'

    assert account_of(token(claims)) == "u"


@pytest.mark.parametrize("text", [
    "", "abc", "a.b", "a.b.c.d", "a.%%%.c", token("[]"), token("{}"), token('{"kubernetes.io":{}}'),
    token('{"kubernetes.io":{"serviceaccount":{"uid":7}}}'), token("{"), "a.\N{BLACK STAR}.c",
    "a." + base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".c",
])  # fmt: skip
def test_what_is_no_such_token_names_nobody(text: str) -> None:
    assert account_of(text) == ""
