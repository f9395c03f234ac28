"""Client order ids: what is put in comes out, and nothing foreign is taken for ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingbot_runtime.core.order_ids import OrderIds, OrderKey, bot_number, decode, encode

keys = st.builds(
    OrderKey, st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1),
    st.integers(0, 255),
)  # fmt: skip


@given(keys)
def test_what_is_encoded_is_decoded(key: OrderKey) -> None:
    text = encode(key)

    assert decode(text) == key
    assert len(text) == 32
    assert text == text.lower()


@given(keys, st.integers(0, 31), st.sampled_from("0123456789abcdef"))
def test_one_wrong_character_is_noticed(key: OrderKey, place: int, character: str) -> None:
    text = encode(key)
    wrong = text[:place] + character + text[place + 1 :]

    assert (decode(wrong) == key) == (wrong == text)


@pytest.mark.parametrize("foreign", ["", "x-TKT5PX2F0123456789", "web_1", "0" * 32, "zz" * 16, "ab" * 40])
def test_foreign_ids_are_not_ours(foreign: str) -> None:
    assert decode(foreign) is None


def test_a_part_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OverflowError):
        encode(OrderKey(bot=1, slot=0, epoch=2**16, sequence=1))


def test_ids_count_up_and_an_unused_one_is_not_lost() -> None:
    ids = OrderIds(bot_number("uid"), 3, 2)
    ids.use(ids.ahead(1))

    assert decode(ids.ahead(0)) == OrderKey(bot_number("uid"), 3, 2, 3)
