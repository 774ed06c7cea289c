"""What the phone shows is all of what it signs, and nothing that hides."""

import hashlib
from typing import Any

import pytest

from scripts.clients.encoding import canonical_json
from scripts.clients.render import TEMPLATES, CannotRender, render

SHA = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
IDS = {
    name: f"0198c0de-0000-7000-8000-00000000000{digit}"
    for digit, name in enumerate(
        ["trader_id", "grant_id", "credential_id", "order_id", "session_id"]
    )
}


def ids(*names: str) -> dict[str, str]:
    return {name: IDS[name] for name in ("trader_id", *names)}


ORDER: dict[str, Any] = {
    "type": "trade.order",
    **ids("grant_id", "order_id", "credential_id"),
    "venue": "sandbox",
    "model": "Trend 1",
    "order": {
        "market": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "quantity": "0.020000000000000001",
        "price": "50000.00",
        "time_in_force": "GTC",
    },
    "notional": {"amount": "1000.00", "quote": "USDT"},
    "client_order_id": "tc-1",
    "signed_order_sha256": SHA,
}
GRANT: dict[str, Any] = {
    "type": "bot.grant",
    **ids("grant_id", "credential_id"),
    "venue": "sandbox",
    "label": "My key",
    "model": {"name": "Trend", "version": "1", "digest": "sha256:00", "jkt": SHA},
    "model_jwk": {"kty": "OKP", "crv": "Ed25519", "x": SHA},
    "markets": ["BTCUSDT", "ETHUSDT"],
    "allocation": {"amount": "5000", "quote": "USDT"},
    "free_limit": {"amount": "100", "quote": "USDT"},
    "max_order": {"amount": "2500", "quote": "USDT"},
    "expires_at": "2026-12-21T01:02:03Z",
    "requested_by": "demo",
    "parent_grant_id": IDS["order_id"],
    "parent_name": "Fund",
    "scope": ["order"],
    "ip_networks": ["192.0.2.0/24"],
}
CHILD: dict[str, Any] = {
    "type": "token.child",
    "trader_id": IDS["trader_id"],
    "token_id": IDS["order_id"],
    "parent_id": IDS["session_id"],
    "kind": "platform",
    "platform_name": "Demo",
    "label": "reports",
    "jkt": SHA,
    "scope": ["tree.read"],
    "ip_networks": ["192.0.2.0/24", "2001:db8::/32"],
    "expires_at": "2026-12-21T01:02:03Z",
    "requested_by": "platform:x",
    "platform_id": IDS["grant_id"],
}
IP_CHANGE: dict[str, Any] = {
    "type": "net.ip_change",
    "trader_id": IDS["trader_id"],
    "token_id": IDS["grant_id"],
    "kind": "grant",
    "label": "Trend",
    "version": 3,
    "from_networks": ["192.0.2.0/24"],
    "to_networks": ["198.51.100.7/32"],
    "requested_by": "device:x",
}
LINK: dict[str, Any] = {
    "type": "trade.key_link",
    **ids("credential_id"),
    "venue": "sandbox",
    "api_key_id": "key-1",
    "label": "My key",
    "permissions": ["read", "spot_trade"],
    "ip_restricted": False,
    "envelope_sha256": SHA,
}
SIGN_IN: dict[str, Any] = {
    "type": "session.sign_in",
    **ids("session_id"),
    "address": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "jkt": SHA,
    "at": "2026-11-21T01:02:03Z",
}
LEASED = {**GRANT, "lease_hours": 12}
LIFT: dict[str, Any] = {
    "type": "token.lift",
    **ids("grant_id"),
    "kind": "grant",
    "label": "Trend",
    "from_state": "frozen",
    "to_state": "active",
    "requested_by": "device:1",
    "asked_at_position": "53",
}
LIFT["token_id"] = LIFT.pop("grant_id")
FACTOR_ADD: dict[str, Any] = {
    "type": "factor.add",
    "trader_id": IDS["trader_id"],
    "factor_id": IDS["grant_id"],
    "kind": "webauthn",
    "label": "Phone",
    "device_id": IDS["order_id"],
    "details_sha256": SHA,
}
FACTOR_REMOVE = {**FACTOR_ADD, "type": "factor.remove", "kind": "totp"}
TEMPLATE_OF = {
    "factor.add": "factor_add/1",
    "factor.remove": "factor_remove/1",
    "token.lift": "token_lift/1",
    "trade.order": "order/1",
    "bot.grant": "bot_grant/1",
    "trade.key_link": "key_link/1",
    "session.sign_in": "sign_in/1",
    "token.child": "token_child/1",
    "net.ip_change": "ip_change/1",
}
ACTIONS = [ORDER, GRANT, LINK, SIGN_IN, CHILD, IP_CHANGE, FACTOR_ADD, FACTOR_REMOVE]


def shown(action: dict[str, Any]) -> list[tuple[str, str]]:
    return list(render(TEMPLATE_OF[action["type"]], canonical_json(action)).lines)


def test_every_value_of_an_order_has_its_line_in_full() -> None:
    lines = shown(ORDER)
    assert lines[:5] == [
        ("Side", "buy"),
        ("Quantity", "0.020000000000000001"),
        ("Market", "BTCUSDT"),
        ("Type", "limit"),
        ("Price", "50000.00"),
    ]


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [{False: "no", True: "yes"}[value] if isinstance(value, bool) else str(value)]


@pytest.mark.parametrize("action", [*ACTIONS, LEASED, LIFT])
def test_every_leaf_of_every_action_is_on_the_screen_once(action: dict[str, Any]) -> None:
    assert sorted(value for _, value in shown(action)) == sorted(leaves(action))


def test_the_screen_carries_the_digest_of_the_bytes_it_was_made_from() -> None:
    raw = canonical_json(ORDER)
    assert render("order/1", raw).digest == hashlib.sha256(raw).digest()


def test_lists_are_shown_item_by_item() -> None:
    assert [line for line in shown(GRANT) if line[0].startswith("Market")] == [
        ("Market 1", "BTCUSDT"),
        ("Market 2", "ETHUSDT"),
    ]
    assert ("May 2", "spot_trade") in shown(LINK)


def test_what_is_empty_is_shown_as_empty() -> None:
    assert ("May", "none") in shown({**LINK, "permissions": []})
    assert ("Market", "none") in shown({**GRANT, "markets": []})
    assert ("Until", "none") in shown({**GRANT, "expires_at": None})


def test_a_lease_shows_its_hours_and_nothing_that_is_no_whole_number() -> None:
    assert ("Only while a device was seen in, hours", "12") in shown(LEASED)
    for wrong in ("12", 1.5, True, -1, [12]):
        with pytest.raises(CannotRender):
            shown({**GRANT, "lease_hours": wrong})


def test_no_address_list_reads_as_anywhere_and_never_as_nowhere() -> None:
    assert ("May come from", "anywhere") in shown({**GRANT, "ip_networks": []})
    assert ("From now on from", "anywhere") in shown({**IP_CHANGE, "to_networks": []})


def test_a_plain_grant_says_that_it_hangs_beneath_none() -> None:
    lines = shown({**GRANT, "parent_grant_id": None, "parent_name": None})
    assert ("Beneath the bot", "none") in lines


def test_a_sign_in_shows_where_it_comes_from() -> None:
    assert shown(SIGN_IN)[0] == ("Address", "203.0.113.7")


@pytest.mark.parametrize(
    "change",
    [
        {"withdraw_to": "bc1q"},
        {"order": {**ORDER["order"], "leverage": "10"}},
        {"order": {**ORDER["order"], "price": {"amount": "1"}}},
        {"notional": {"amount": "1", "quote": "USDT", "hidden": None}},
        {"markets": []},
    ],
)
def test_a_field_the_phone_does_not_know_cannot_be_approved(change: dict[str, Any]) -> None:
    with pytest.raises(CannotRender, match="does not know the field"):
        shown({**ORDER, **change})


@pytest.mark.parametrize("action", [*ACTIONS, LIFT])
def test_an_action_without_one_of_its_fields_cannot_be_approved(action: dict[str, Any]) -> None:
    for field in action.keys() - {"type"}:
        with pytest.raises(CannotRender, match="lacks"):
            shown({name: value for name, value in action.items() if name != field})


def test_an_order_may_lack_only_what_its_type_has_not() -> None:
    for field in ORDER["order"]:
        order = {name: value for name, value in ORDER["order"].items() if name != field}
        if field in {"price", "time_in_force"}:
            shown({**ORDER, "order": order})
        else:
            with pytest.raises(CannotRender, match="lacks"):
                shown({**ORDER, "order": order})


def test_a_market_order_shows_what_it_was_asked_as() -> None:
    order = {**ORDER["order"], "asked_as": "market"}
    assert ("Asked for as", "market") in shown({**ORDER, "order": order})


@pytest.mark.parametrize(
    "amount", ["1e9", "01", "1.", ".5", "-1", "+1", "1,000", "1 000", "NaN", "٣", "1\n", "", 1]
)
def test_an_amount_with_a_second_reading_cannot_be_approved(amount: object) -> None:
    with pytest.raises(CannotRender, match="another kind"):
        shown({**ORDER, "order": {**ORDER["order"], "quantity": amount}})


@pytest.mark.parametrize(
    "change",
    [
        {"venue": 1},
        {"venue": True},
        {"order": {**ORDER["order"], "side": 0}},
    ],
)
def test_a_value_of_another_kind_cannot_be_approved(change: dict[str, Any]) -> None:
    with pytest.raises(CannotRender):
        shown({**ORDER, **change})


@pytest.mark.parametrize("flag", ["no", "", 0, 1, [True]])
def test_a_flag_is_true_or_false_and_nothing_like_it(flag: object) -> None:
    with pytest.raises(CannotRender):
        shown({**LINK, "ip_restricted": flag})


def test_a_template_for_another_action_is_refused() -> None:
    raw = canonical_json(ORDER)
    with pytest.raises(CannotRender):
        render("bot_grant/1", raw)
    with pytest.raises(CannotRender):
        render("Please approve.", raw)
    with pytest.raises(CannotRender):
        render("order/1", b"[]")
    with pytest.raises(CannotRender):
        render("order/1", canonical_json({**ORDER, "type": "bot.grant"}))


@pytest.mark.parametrize(
    "raw",
    [
        canonical_json(SIGN_IN).replace(b'{"address"', b'{ "address"'),
        canonical_json(SIGN_IN).replace(b'{"address":', b'{"address":"198.51.100.1","address":'),
        canonical_json(SIGN_IN)[:-1],
    ],
)
def test_bytes_with_a_second_reading_are_refused(raw: bytes) -> None:
    with pytest.raises(CannotRender, match="JSON"):
        render("sign_in/1", raw)


@pytest.mark.parametrize("name", ["a.b", "*", "", "a b", "é"])
def test_a_field_name_cannot_imitate_a_path(name: str) -> None:
    with pytest.raises(CannotRender):
        shown({**GRANT, "model_jwk": {name: "x"}})


def test_a_look_alike_in_a_market_is_spelled_out() -> None:
    lines = shown({**ORDER, "order": {**ORDER["order"], "market": "\u0412TCUSDT"}})
    assert ("Market", "⟨U+0412⟩TCUSDT") in lines


def test_a_name_that_reverses_the_line_is_spelled_out_on_the_screen() -> None:
    lines = shown({**LINK, "label": "safe\u202etfel"})
    assert ("Your name for it", "safe⟨U+202E⟩tfel") in lines


def test_every_template_ends_in_a_question() -> None:
    assert all(template.title.endswith("?") for template in TEMPLATES.values())
