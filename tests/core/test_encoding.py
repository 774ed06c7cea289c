"""Each encoding has one spelling, and comes back as it went in."""

import string
import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.encoding import b64url, b64url_decode, base62, base62_decode, lp
from app.core.errors import Malformed

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


@given(st.binary(max_size=70))
def test_base64url_comes_back(raw: bytes) -> None:
    assert b64url_decode(b64url(raw)) == raw


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_", max_size=12))
def test_base64url_takes_one_spelling_per_value_only(text: str) -> None:
    try:
        raw = b64url_decode(text)
    except Malformed:
        return
    assert b64url(raw) == text


@pytest.mark.parametrize(
    "text",
    ["AA==", "A", "AB", "AAB", "A A", "AA\n", "A+A", "A/A", "AÄ", "AA.", "\0", "\uff21\uff21"],
)
def test_base64url_refuses_padding_foreign_letters_and_loose_tails(text: str) -> None:
    with pytest.raises(Malformed):
        b64url_decode(text)


@given(st.binary(min_size=16, max_size=16))
def test_base62_of_an_id_is_22_characters_and_comes_back(raw: bytes) -> None:
    text = base62(raw, 22)
    assert len(text) == 22
    assert set(text) <= set(BASE62)
    assert base62_decode(text, 16) == raw


def test_base62_counts_in_ascii_order() -> None:
    assert base62(b"\x3d", 1) == "z"
    assert base62(b"\x3e", 2) == "10"
    assert base62(UUID(int=0).bytes, 22) == "0" * 22


def test_base62_refuses_a_width_that_loses_digits() -> None:
    with pytest.raises(ValueError, match="width"):
        base62(b"\xff\xff", 2)


@pytest.mark.parametrize("text", ["!", "0-", "Ä", " 0", "٣"])
def test_base62_refuses_foreign_characters(text: str) -> None:
    with pytest.raises(Malformed):
        base62_decode(text, 16)


def test_base62_refuses_a_number_with_more_bits_than_the_field() -> None:
    with pytest.raises(Malformed):
        base62_decode("z" * 22, 16)


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_length_prefixes_can_be_taken_apart_again(parts: list[bytes]) -> None:
    raw, found = lp(*parts), []
    while raw:
        (length,) = struct.unpack_from(">I", raw)
        found.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    assert found == parts
