"""What a platform says of its user is shown, whole and harmless, as what that platform says."""

from typing import Any

import pytest

from scripts.clients.encoding import canonical_json
from scripts.clients.render import CannotRender, render

ID = "0198c0de-0000-7000-8000-000000000001"
EXTERNAL: dict[str, Any] = {
    "type": "trade.external",
    "trader_id": ID,
    "platform_id": ID,
    "platform_name": "Acme",
    "kind": "payment",
    "reference": "inv-1",
    "description": "Pay for June",
    "venue": None,
    "market": None,
    "side": None,
    "amount": {"amount": "120.5000000001", "quote": "EUR"},
    "recipient": "DE02120300000000202051",
}
CLAIMED = {
    "by": "Acme",
    "address": "203.0.113.9",
    "user_agent": "Mozilla\u202e/5.0",
    "place": None,
    "message": "Order 7?",
}


def shown(action: dict[str, Any]) -> dict[str, str]:
    return dict(render("external/1", canonical_json(action)).lines)


def test_it_is_shown_with_the_name_of_who_says_so() -> None:
    lines = shown(EXTERNAL | {"claimed": CLAIMED})
    assert lines["Its user's address"] == "“203.0.113.9”, claimed by Acme"
    assert lines["Its user's browser"] == "“Mozilla⟨U+202E⟩/5.0”, claimed by Acme"
    assert lines["Message"] == "“Order 7?”, claimed by Acme"
    assert lines["Its user's place"] == "none"


def test_numbers_and_accounts_are_in_full() -> None:
    lines = shown(EXTERNAL)
    assert (lines["Amount"], lines["Amount, in"]) == ("120.5000000001", "EUR")
    assert lines["To"] == "DE02120300000000202051"
    assert "Message" not in lines


@pytest.mark.parametrize(
    "claimed",
    [
        {**CLAIMED, "more": "x"},
        {k: v for k, v in CLAIMED.items() if k != "by"},
        {**CLAIMED, "by": 1},
        {**CLAIMED, "message": {"text": "x"}},
        "Acme says so",
    ],
)
def test_a_claim_of_nobody_or_with_a_field_more_cannot_be_shown(claimed: Any) -> None:
    with pytest.raises(CannotRender):
        shown(EXTERNAL | {"claimed": claimed})
