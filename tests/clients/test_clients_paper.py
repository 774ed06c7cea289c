"""The printed card: everything on one page, nothing fetched, the card only behind the fragment."""

import re

from scripts.clients.paper import printable, qr_svg
from scripts.clients.tokens import make_card
from tests.clients.service import TRADER

ORIGIN = "https://cord.example"


def test_the_page_has_the_code_the_text_and_the_number_and_fetches_nothing() -> None:
    card = make_card(TRADER)
    page = printable(card, ORIGIN, name="A & <b>Co</b>").reveal()
    assert qr_svg(card.url(ORIGIN)) in page
    assert f"<code>{card.text.reveal()}</code>" in page
    assert str(card.card_id) in page
    assert "A &amp; &lt;b&gt;Co&lt;/b&gt;" in page
    assert not re.search(r"(?:src|href|url)\s*[=(]|<script|<b>", page)
    assert "default-src 'none'" in page


def test_the_code_is_a_picture_of_its_own_that_scales() -> None:
    svg = qr_svg(make_card(TRADER).url(ORIGIN))
    assert svg.startswith("<svg")
    assert "viewBox" in svg
    assert not re.search(r"\b(?:width|height)=", svg.partition(">")[0])


def test_what_is_printed_does_not_print_itself() -> None:
    card = make_card(TRADER)
    assert card.text.reveal() not in repr(printable(card, ORIGIN, name="x"))
