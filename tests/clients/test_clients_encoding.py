"""Byte formats of the client package."""

import ast
import pickle
from pathlib import Path
from uuid import UUID

import pytest

from scripts.clients import encoding, tokens
from scripts.clients.encoding import BadFormat, Secret

CLIENTS = Path(encoding.__file__).parent
TRADER = UUID("0198c0de-0000-7000-8000-00000000000a")


def test_the_clients_share_no_code_with_the_service() -> None:
    imported: set[str] = set()
    for path in CLIENTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add((node.module or "").split(".")[0])
    assert "httpx" in imported
    assert not imported & {"app", "mock_push", "migrations", "tests"}


def test_length_prefixes_tell_apart_what_concatenation_would_not() -> None:
    assert encoding.lp(b"ab", b"c") == b"\0\0\0\2ab\0\0\0\1c"
    assert encoding.lp(b"ab", b"c") != encoding.lp(b"a", b"bc")


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "Y+", "Y/", "é", "YQ\n"])
def test_base64url_has_one_spelling(text: str) -> None:
    assert encoding.b64url_decode("YQ") == b"a"
    with pytest.raises(BadFormat):
        encoding.b64url_decode(text)


def test_base62_is_fixed_width_and_comes_back() -> None:
    assert encoding.base62(b"\0\0", 4) == "0000"
    assert encoding.base62((61).to_bytes(1, "big"), 2) == "0z"
    assert encoding.base62((62).to_bytes(1, "big"), 2) == "10"
    raw = bytes(range(16))
    assert encoding.base62_decode(encoding.base62(raw, 22), 16) == raw
    with pytest.raises(BadFormat):
        encoding.base62(bytes([255] * 16), 21)
    with pytest.raises(BadFormat):
        encoding.base62_decode("z" * 22, 16)
    with pytest.raises(BadFormat):
        encoding.base62_decode("-", 16)


def test_canonical_json_sorts_keys_and_keeps_no_spaces() -> None:
    assert encoding.canonical_json({"b": 1, "a": ["é"]}) == '{"a":["é"],"b":1}'.encode()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":NaN}',
        b'{"a":"\\u0061"}',
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_a_text_with_a_second_reading_is_refused(raw: bytes) -> None:
    with pytest.raises(BadFormat):
        encoding.parse_canonical(raw)


def test_a_secret_neither_prints_nor_travels() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_card_has_the_published_form() -> None:
    card_id = UUID("0198c0de-0000-7000-8000-0000000000ca")
    card = tokens.card_from(TRADER, card_id, bytes(range(16)))
    assert card.text.reveal() == (
        "tc_card_030neLrnQJSRroCVCCJRsY030neLrnQJSRroCVCCJRve000SYW7RiJxkEgOGusQGwp4fneSL"
    )
    assert card.secret_sha256 == "vkXLJgW_Nr695oSEGijw_UPGmFCj3OX-26aZKO46iZE"
    assert tokens.trader_of(card.text.reveal(), expected_kind="card") == TRADER


def test_two_cards_share_no_secret() -> None:
    first, second = tokens.make_card(TRADER), tokens.make_card(TRADER)
    assert first.card_id != second.card_id
    assert first.secret_sha256 != second.secret_sha256
    assert len(first.text.reveal()) == len("tc_card_") + 3 * 22 + 6


def test_the_card_travels_behind_a_fragment_only() -> None:
    card = tokens.make_card(TRADER)
    url = card.url("https://tripcord.example").reveal()
    assert url == f"https://tripcord.example/card#{card.text.reveal()}"
    assert card.text.reveal() not in repr(card)


def test_a_mistyped_code_is_found_before_it_is_sent() -> None:
    text = tokens.make_card(TRADER).text.reveal()
    for position in range(len("tc_card_"), len(text)):
        wrong = "0" if text[position] != "0" else "1"
        with pytest.raises(BadFormat):
            tokens.trader_of(text[:position] + wrong + text[position + 1 :], expected_kind="card")
    with pytest.raises(BadFormat):
        tokens.trader_of(text, expected_kind="enrol")
    with pytest.raises(BadFormat):
        tokens.trader_of("", expected_kind="enrol")
