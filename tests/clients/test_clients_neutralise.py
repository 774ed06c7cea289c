"""Nothing that hides or reorders reaches the screen as itself."""

import unicodedata

import pytest

from scripts.clients.render import neutralise


@pytest.mark.parametrize(
    "character",
    [
        "\u202e",  # right-to-left override
        "\u2066",  # left-to-right isolate
        "\u200b",  # zero width space
        "\u200d",  # joiner
        "\ufeff",
        "\u00ad",  # soft hyphen
        "\u00a0",
        "\u2028",
        "\x00",
        "\x1b",
        "\x7f",
        "\x9b",
        "\n",
        "\t",
        "\ue000",  # private use
        "\U000e0041",  # tag
        "\ufe0f",
        "\u180b",
        "\u3164",  # blank letter
        "\u2800",
        "\u034f",
        "⟨",
        "\ud800",
    ],
)
def test_a_character_that_hides_or_reorders_is_spelled_out(character: str) -> None:
    assert neutralise(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


def test_names_of_people_stay_readable() -> None:
    for text in ("Zoë's key", "Ключ", "鍵", "キー", "مفتاح", "מפתח", "กุญแจ", "🔑 7%"):
        assert neutralise(text) == text


def test_nothing_invisible_of_all_unicode_passes() -> None:
    for number in range(0x110000):
        character = chr(number)
        if unicodedata.category(character)[0] in "CZ" and character != " ":
            assert neutralise(character) != character, hex(number)
