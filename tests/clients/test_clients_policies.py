"""The phone's own reckoning of how two policies differ; what it cannot say, it does not show."""

from typing import Any

import pytest

from scripts.clients.encoding import canonical_json
from scripts.clients.render import CannotRender, render

NIGHT = {"begins": "22:00", "ends": "07:00"}
RULE: dict[str, Any] = {
    "action": "trade.order",
    "need": "strong",
    "when": ["new_market", "night"],
    "above": {"amount": "1000", "quote": "USDT"},
}
BEFORE: dict[str, Any] = {
    "preset": "careful",
    "base": [
        {"action": "trade.order", "need": "medium"},
        {"action": "session.sign_in", "need": "deny"},
    ],
    "rules": [RULE, RULE | {"action": "*", "when": ["young_device"], "above": None}],
    "time_zone": "Europe/Berlin",
    "night": NIGHT,
}
AFTER = BEFORE | {
    "base": [
        {"action": "trade.order", "need": "out_of_band"},
        {"action": "session.sign_in", "need": "deny"},
    ],
    "rules": [RULE],
    "night": NIGHT | {"begins": "23:00"},
}
ACTION: dict[str, Any] = {
    "type": "policy.change",
    "trader_id": "0198c0de-0000-7000-8000-000000000000",
    "version": 2,
    "before": BEFORE,
    "after": AFTER,
    "loosens": [
        {
            "action": "trade.order",
            "when": [],
            "amount": {"amount": "10", "quote": "USDT"},
            "before": "medium",
            "after": "out_of_band",
        }
    ],
    "waits_hours": 24,
    "requested_by": "device:x",
    "statement_sha256": "s",
}


def shown(**changes: Any) -> list[tuple[str, str]]:
    return list(render("policy_change/1", canonical_json(ACTION | changes)).lines)


def test_what_changes_is_shown_before_what_stays() -> None:
    lines = shown()
    assert lines[0] == ("Weaker", "trade.order, for example 10 USDT: medium → out_of_band")
    assert lines[1:4] == [
        ("Changes", "trade.order: medium → out_of_band"),
        ("No more", "any action, decided on a device not a day old: strong"),
        ("Night, changes", "22:00 to 07:00 → 23:00 to 07:00"),
    ]
    assert ("Stays", "session.sign_in: deny") in lines
    assert ("Stays", "trade.order, in a new market, at night, above 1000 USDT: strong") in lines
    assert ("Takes effect after, hours", "24") in lines
    assert ("Asked by", "device:x") in lines


def test_an_action_that_is_not_named_any_more_is_a_change() -> None:
    lines = shown(after=AFTER | {"base": AFTER["base"][:1]})
    assert ("Changes", "session.sign_in: deny → not named") in lines
    added = shown(after=AFTER | {"rules": [RULE, RULE | {"need": "deny"}]})
    assert (
        "From then on",
        "trade.order, in a new market, at night, above 1000 USDT: deny",
    ) in added


@pytest.mark.parametrize(
    "after",
    [
        AFTER | {"more": 1},
        {name: value for name, value in AFTER.items() if name != "night"},
        AFTER | {"preset": "lax"},
        AFTER | {"time_zone": "Europe/\u202eBerlin"},
        AFTER | {"base": [{"action": "trade.\u043erder", "need": "medium"}]},
        AFTER | {"base": [{"action": "trade.order", "need": "weak"}]},
        AFTER | {"rules": [RULE | {"when": ["full_moon"]}]},
        AFTER | {"rules": [RULE | {"when": [["night"]]}]},
        AFTER | {"rules": [RULE | {"above": {"amount": "1e3", "quote": "USDT"}}]},
        AFTER | {"rules": [RULE | {"above": {"amount": "1", "quote": "US\u0422"}}]},
        AFTER | {"rules": {}},
        "careful",
    ],
)
def test_a_policy_this_phone_cannot_say_in_words_cannot_be_approved(after: Any) -> None:
    with pytest.raises(CannotRender):
        shown(after=after)


def test_the_difference_itself_must_be_there() -> None:
    for name in ("before", "after", "loosens"):
        with pytest.raises(CannotRender):
            render(
                "policy_change/1",
                canonical_json({key: item for key, item in ACTION.items() if key != name}),
            )
    with pytest.raises(CannotRender):
        shown(loosens=[{"action": "trade.order"}])
