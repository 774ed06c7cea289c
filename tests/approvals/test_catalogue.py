"""Every typed action has a struct, a template, a rendering on the phone, a policy and a schema."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, get_args, get_origin
from uuid import UUID

import msgspec
import pytest

from app.approvals.actions import TEMPLATES, Action, PolicyChange, action_bytes, read_action
from app.approvals.catalogue import ACTIONS, EXTERNAL, schemas
from app.approvals.other_actions import Batch
from app.policies.presets import NEEDED, PRESETS
from scripts.clients.render import TEMPLATES as ON_THE_PHONE
from scripts.clients.render import render

ID = UUID("0198c0de-0000-7000-8000-000000000001")
AT = datetime(2026, 12, 1, tzinfo=UTC)
_NUMBERS = count(700_001)
"""No two sampled words, ids or times are alike: what is shown can be of its own field only."""


def sample(kind: Any) -> Any:
    """A value of an annotated type, by its meaning and not by its name."""
    kind = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
    simple: dict[Any, Any] = {
        UUID: lambda: UUID(int=ID.int + next(_NUMBERS)),
        datetime: lambda: AT + timedelta(minutes=next(_NUMBERS)),
        bool: lambda: True,
        int: lambda: 555,
        str: lambda: str(next(_NUMBERS)),
    }
    if kind in simple:
        return simple[kind]()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{name: sample(of) for name, of in fields(kind).items()})
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is list:
            return [sample(arguments[0])]
        case origin if origin is dict:
            return {"market": "BTCUSDT", "side": "buy", "quantity": "1", "type": "limit"}
        case _:
            chosen = arguments[0]
            return chosen if isinstance(chosen, str) else sample(chosen)


def fields(struct: type[msgspec.Struct]) -> dict[str, Any]:
    from typing import get_type_hints  # noqa: PLC0415

    hints = get_type_hints(struct, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__}


def example(struct: type[Action]) -> Action:
    if struct is Batch:
        leaf = example(ACTIONS["trade.order"])
        one = msgspec.to_builtins(leaf)
        both = 2 * Decimal(one["notional"]["amount"])
        total = [{"amount": str(both), "quote": one["notional"]["quote"]}]
        return Batch(
            trader_id=leaf.trader_id, requested_by="grant:1", of="trade.order", count=2,
            actions=[one, one], total=msgspec.convert(total, fields(Batch)["total"]),
        )  # fmt: skip
    if struct is PolicyChange:
        before, after = PRESETS["bots_only"], PRESETS["normal"]
        return PolicyChange(
            trader_id=ID, version=1, before=before, after=after, loosens=[], waits_hours=24,
            requested_by="device:1", statement_sha256="7",
        )  # fmt: skip
    return struct(**{name: sample(kind) for name, kind in fields(struct).items()})


@pytest.mark.parametrize("name", ACTIONS)
def test_every_type_has_all_five(name: str) -> None:
    struct = ACTIONS[name]
    template = TEMPLATES[name]
    assert ON_THE_PHONE[template].action_type == name
    for needed in NEEDED.values():
        assert name in needed
    schema = schemas()[name]
    assert schema["properties"]["type"] == {"enum": [name]}
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"type", *struct.__struct_fields__}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_type_reads_back_as_it_was_and_is_shown_whole(name: str) -> None:
    action = example(ACTIONS[name])
    raw = action_bytes(action)
    assert read_action(raw, ACTIONS[name]) == action
    screen = render(TEMPLATES[name], raw)
    shown = " ".join(text for _, text in screen.lines)
    for value in leaves(msgspec.to_builtins(action)):
        assert str(value) in shown or isinstance(value, bool)


def test_nothing_is_listed_that_is_not_there() -> None:
    assert set(TEMPLATES) == set(ACTIONS)
    assert {one.action_type for one in ON_THE_PHONE.values()} == set(ACTIONS)
    assert set(ACTIONS) >= EXTERNAL


def leaves(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for item in value.values() for leaf in leaves(item)]
        case list():
            return [leaf for item in value for leaf in leaves(item)]
        case _:
            return [value]
