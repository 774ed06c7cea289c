"""Google's discovery document for FCM HTTP v1, cut to what messages:send needs.

To see whether Google changed the schema, cut a newer document and compare::

    python -m mock_push.fcm.discovery fcm.v1.json | diff mock_push/fcm/data/fcm.v1.json -
"""

import json
import re
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

METHOD = "send"
KEPT = ("id", "name", "version", "revision")
PROSE = ("description", "enumDescriptions")


class Property(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field's type: one JSON schema node of the document.

    A keyword this type does not know fails the reading of the document, so a new revision cannot
    be half understood.
    """

    type: str | None = None
    ref: str | None = msgspec.field(name="$ref", default=None)
    format: str | None = None
    enum: tuple[str, ...] | None = None
    items: "Property | None" = None
    values: "Property | None" = msgspec.field(name="additionalProperties", default=None)
    deprecated: bool = False


class Schema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    type: str
    properties: dict[str, Property]

    def field(self, name: str) -> tuple[str, Property] | None:
        """A field by its camelCase or its proto name; returns the camelCase name with its type."""
        for own, definition in self.properties.items():
            if name in (own, proto_name(own)):
                return own, definition
        return None


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What the mock uses of the document.

    Attributes
    ----------
    revision
        Google's date of the document, YYYYMMDD.
    scopes
        OAuth scopes of which messages:send needs one.
    request
        Name of the request's schema.
    """

    revision: str
    scopes: frozenset[str]
    request: str
    schemas: dict[str, Schema]


def proto_name(name: str) -> str:
    """The snake_case name a field has in the .proto file; error bodies use it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@cache
def published() -> Discovery:
    """The document shipped with the package."""
    document = json.loads((files("mock_push.fcm") / "data" / "fcm.v1.json").read_text())
    send = _send(document)
    return Discovery(
        revision=document["revision"],
        scopes=frozenset(send["scopes"]),
        request=send["request"]["$ref"],
        schemas=msgspec.convert(document["schemas"], dict[str, Schema]),
    )


def cut(document: dict[str, Any]) -> dict[str, Any]:
    """Delete from Google's document what messages:send does not need, and all prose."""
    send = _send(document)
    wanted, queue = set[str](), [send["request"]["$ref"]]
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += re.findall(r'"\$ref": "(\w+)"', json.dumps(document["schemas"][name]))
    schemas = {name: document["schemas"][name] for name in sorted(wanted)}
    projects = {"resources": {"messages": {"methods": {METHOD: send}}}}
    kept = {name: document[name] for name in KEPT}
    return kept | {"resources": {"projects": projects}, "schemas": _without_prose(schemas)}


def _send(document: dict[str, Any]) -> dict[str, Any]:
    messages = document["resources"]["projects"]["resources"]["messages"]
    send: dict[str, Any] = _without_prose(messages["methods"][METHOD])
    return send


def _without_prose(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    return {
        name: _without_prose(value)
        for name, value in node.items()
        if name not in PROSE or isinstance(value, dict)
    }


if __name__ == "__main__":
    newer = cut(json.loads(Path(sys.argv[1]).read_text()))
    sys.stdout.write(json.dumps(newer, indent=1, sort_keys=True) + "\n")
