"""Every typed action there is: struct, template, JSON schema."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from app.approvals import other_actions  # noqa: F401 - its structs are actions by being there
from app.approvals.actions import TEMPLATES, Action

EXTERNAL = frozenset({"trade.external"})
"""What a platform may ask for by `authorization_details` and redeem: it is carried out elsewhere.
Whatever Tripcord carries out itself has a route of its own, and is consumed by execution alone.
"""


def _types(above: type[Action]) -> Iterator[tuple[str, type[Action]]]:
    for struct in above.__subclasses__():
        yield str(struct.__struct_config__.tag), struct
        yield from _types(struct)


ACTIONS: Mapping[str, type[Action]] = MappingProxyType(dict(sorted(_types(Action))))
"""By type. A struct more is in here by being one."""


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of each type's canonical form, as the phone gets it."""
    return {name: _schema(struct) for name, struct in ACTIONS.items()}


def template_of(action_type: str) -> str:
    """The phone's own rendering of a type."""
    return TEMPLATES[action_type]


def _schema(struct: type[Action]) -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    name = schema["$ref"].rpartition("/")[2]
    found: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **parts.pop(name),
    }
    return found | {"$defs": parts} if parts else found
