"""What the signer can be asked, word for word. A verb more is a change here, on purpose."""

from typing import Any, get_args

import msgspec
import pytest

from app.verbs import wire
from app.verbs.server import VerbServer
from app.wiring.signer_verbs import api_handlers, courier_handlers, dispatcher_handlers
from tests.signing.parts import Signer
from tests.signing.trader import Trader

API = {
    "bind_device", "bind_factor", "open_sealing_key", "import_secret", "decide", "seal_change",
    "sign_order", "status", "bind_recovery_codes", "begin_re_enrolment", "end_re_enrolment",
    "reveal_code",
    "sign_statement",
    "open_ceremony", "bind_passkey",
}  # fmt: skip
COURIER = {"venue_read", "clean_up", "status"}
DISPATCHER = {"sign_statement", "status"}
INBOX = {"send"}
READS = {"permissions", "balances", "open_orders", "order"}


def tags(union: Any) -> set[str]:
    members = get_args(union) or (union,)
    return {str(msgspec.inspect.type_info(member).tag) for member in members}  # type: ignore[attr-defined]


def test_the_verb_lists_are_exactly_these() -> None:
    assert tags(wire.ApiVerb) == API
    assert tags(wire.CourierVerb) == COURIER
    assert tags(wire.DispatcherVerb) == DISPATCHER
    assert tags(wire.CourierInboxVerb) == INBOX
    assert set(get_args(wire.ReadKind)) == READS


def test_nothing_else_in_the_module_is_a_verb() -> None:
    lists = {*get_args(wire.ApiVerb), *get_args(wire.CourierVerb), wire.CourierInboxVerb}
    lists |= set(get_args(wire.DispatcherVerb))
    verbs = {
        value
        for value in vars(wire).values()
        if isinstance(value, type) and issubclass(value, wire.Verb) and value is not wire.Verb
    }
    assert verbs == lists


@pytest.mark.asyncio(loop_scope="session")
async def test_each_socket_has_a_handler_for_each_of_its_verbs_and_for_no_other(
    signer: Signer, tmp_path: Any
) -> None:
    parts = signer.parts
    for union, handlers in (
        (wire.ApiVerb, api_handlers(parts)), (wire.CourierVerb, courier_handlers(parts)),
        (wire.DispatcherVerb, dispatcher_handlers(parts, issuer="https://cord.example")),
    ):  # fmt: skip
        assert {*handlers, wire.Status} == set(get_args(union))
        with pytest.raises(ValueError, match="closed list"):
            VerbServer(tmp_path / "s", union, handlers, allowed_uids={0})
        more: dict[Any, Any] = {**handlers, wire.Status: None, wire.Send: None}
        with pytest.raises(ValueError, match="closed list"):
            VerbServer(tmp_path / "s", union, more, allowed_uids={0})


@pytest.mark.asyncio(loop_scope="session")
async def test_a_verb_of_the_other_socket_an_unknown_one_and_a_field_more_are_not_decoded(
    trader: Trader,
) -> None:
    await trader.enrol()
    asked = trader.sealing_key_request("totp")
    raw: dict[str, Any] = msgspec.to_builtins(asked)
    for wrong in (
        raw | {"verb": "clean_up"}, raw | {"verb": "sign"}, raw | {"verb": "mac"},
        raw | {"verb": "unwrap"}, raw | {"more": 1}, {k: v for k, v in raw.items() if k != "verb"},
        raw | {"purpose": "wrap"}, raw | {"trader_id": "x"},
    ):  # fmt: skip
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, wire.ApiVerb)
    assert msgspec.convert(raw, wire.ApiVerb) == asked
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, wire.CourierVerb)


def test_what_carries_a_token_or_a_signed_request_does_not_show_it() -> None:
    for shape in (wire.BoundDevice, wire.RevealedCode, wire.EndedReEnrolment, wire.Release):
        assert "__repr__" in vars(shape)
