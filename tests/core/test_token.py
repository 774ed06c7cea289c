"""Bearer strings: fixed width, one spelling, no typing error accepted, nothing shown."""

import copy
import hashlib
import pickle
import re
import string
import zlib
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import token
from app.core.encoding import base62
from app.core.secret import Secret
from app.core.token import TokenKind, TokenMalformed

LETTERS = string.digits + string.ascii_letters
KINDS = list(TokenKind)
TRADER, NODE = UUID(int=0x0123456789ABCDEF), UUID(int=2**128 - 1)


def minted(kind: TokenKind = TokenKind.DEVICE) -> str:
    return token.mint(kind, TRADER, NODE).reveal()


def with_checksum(head: str) -> str:
    """What an attacker can do as well as we: the checksum is no secret."""
    return head + base62(zlib.crc32(head.encode()).to_bytes(4, "big"), 6)


@given(st.sampled_from(KINDS), st.uuids(), st.uuids(), st.data())
def test_a_token_comes_back_as_it_was_minted(
    kind: TokenKind, trader_id: UUID, token_id: UUID, data: st.DataObject
) -> None:
    length = token.secret_bytes(kind)
    secret = data.draw(st.binary(min_size=length, max_size=length))
    text = token.mint(kind, trader_id, token_id, secret).reveal()
    parsed = token.parse(text, kind)
    assert (parsed.kind, parsed.trader_id, parsed.token_id) == (kind, trader_id, token_id)
    assert parsed.secret.reveal() == secret
    assert parsed.secret_hash() == hashlib.sha256(secret).digest()
    assert parsed.reveal() == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_one_width(kind: TokenKind) -> None:
    body = minted(kind).removeprefix(f"tc_{kind.value}_")
    secret = 22 if kind is TokenKind.CARD else 43
    assert len(body) == 22 + 22 + secret + 6
    assert len(minted(kind)) <= 128
    assert token.secret_bytes(kind) * 8 == (128 if kind is TokenKind.CARD else 256)


@pytest.mark.parametrize("kind", KINDS)
def test_no_single_wrong_character_is_accepted(kind: TokenKind) -> None:
    text = minted(kind)
    for place, right in enumerate(text):
        for wrong in LETTERS + "_- \n=é":
            if wrong != right:
                with pytest.raises(TokenMalformed):
                    token.parse(text[:place] + wrong + text[place + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_no_lost_doubled_or_swapped_character_is_accepted(kind: TokenKind) -> None:
    text = minted(kind)
    for place in range(len(text)):
        slips = [text[:place] + text[place + 1 :], text[:place] + text[place] + text[place:]]
        swapped = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
        for slip in [*slips, *([swapped] if swapped != text else [])]:
            with pytest.raises(TokenMalformed):
                token.parse(slip)


@pytest.mark.parametrize("text", ["", "tc_", "tc_device_", "Bearer x", "tc_device_" + "0" * 500])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenMalformed):
        token.parse(text)


def test_white_space_around_a_token_is_not_part_of_it() -> None:
    text = minted()
    for spaced in (f" {text}", f"{text} ", f"{text}\n", f"\t{text}", f"{text}\0"):
        with pytest.raises(TokenMalformed):
            token.parse(spaced)


def test_an_unknown_kind_is_refused_even_with_its_own_checksum() -> None:
    body = minted().removeprefix("tc_device_")[:-6]
    for kind in ("trader", "admin", "devices", "DEVICE"):
        with pytest.raises(TokenMalformed):
            token.parse(with_checksum(f"tc_{kind}_{body}"))


def test_one_kind_does_not_pass_for_another() -> None:
    text = minted(TokenKind.GRANT)
    assert token.parse(text, TokenKind.DEVICE, TokenKind.GRANT).kind is TokenKind.GRANT
    with pytest.raises(TokenMalformed):
        token.parse(text, TokenKind.DEVICE)
    relabelled = text.replace("tc_grant_", "tc_device_")[:-6]
    # The checksum can be made anew; then it is the secret's hash that does not fit the row.
    assert token.parse(with_checksum(relabelled)).kind is TokenKind.DEVICE


@pytest.mark.parametrize("field", [0, 22, 44])
def test_a_field_with_more_bits_than_it_has_is_one_more_malformed_token(field: int) -> None:
    body = minted().removeprefix("tc_device_")[:-6]
    width = 43 if field == 44 else 22
    overfull = body[:field] + "z" * width + body[field + width :]
    with pytest.raises(TokenMalformed):
        token.parse(with_checksum(f"tc_device_{overfull}"))


def test_two_tokens_never_share_a_secret() -> None:
    made = {token.mint(TokenKind.DEVICE, TRADER, NODE).secret.reveal() for _ in range(64)}
    assert len(made) == 64


def test_a_scanner_finds_every_kind_and_no_word_that_is_shorter() -> None:
    for kind in KINDS:
        assert re.fullmatch(token.SCANNER_PATTERN, minted(kind))
    assert not re.search(token.SCANNER_PATTERN, "tc_device_" + "a" * 71)


@pytest.mark.parametrize("shown", [repr, str, "{}".format, lambda value: value.public])
def test_what_is_shown_of_a_token_holds_its_public_half_only(shown: object) -> None:
    assert callable(shown)
    made = token.mint(TokenKind.DEVICE, TRADER, NODE, bytes(range(32)))
    said = shown(made)
    assert str(NODE) in said
    assert base62(bytes(range(32)), 43) not in said
    assert bytes(range(32)).hex() not in said


def test_a_secret_is_not_shown_copied_pickled_or_serialised() -> None:
    secret = Secret(b"hush")
    assert "hush" not in f"{secret!r} {secret!s} {secret}"
    assert not hasattr(secret, "__dict__")
    for way_out in (copy.copy, copy.deepcopy, pickle.dumps, msgspec.json.encode):
        with pytest.raises(TypeError):
            way_out(secret)


def test_two_secrets_are_not_compared_by_value() -> None:
    assert Secret(b"a") != Secret(b"a")
