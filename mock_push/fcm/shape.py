"""Read a request by Google's schema: names, nesting and types; every fault at once.

Wording and paths follow the answers of Google's JSON parser: paths use proto names, a map's entries
are counted from zero in the order sent, and all violations share one message.
"""

import json
from collections.abc import Iterable

import msgspec

from mock_push.fcm.discovery import Discovery, Property, Schema, proto_name
from mock_push.fcm.scalars import ScalarError, read_scalar
from mock_push.status import InvalidArgumentError, bad_request

MESSAGE_TYPE = "type.googleapis.com/google.firebase.fcm.v1."
PAYLOAD = "Invalid JSON payload received."

Json = dict[str, object]


def read_request(body: bytes, discovery: Discovery) -> Json:
    """The request with camelCase names, enums in capitals and nulls left out.

    Where a field comes twice, the last one counts, in either spelling.

    Raises
    ------
    InvalidArgumentError
        With a BadRequest detail naming every violation.
    """
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _refused([("", f"{PAYLOAD} {error}")]) from error
    reader = _Reader(discovery)
    if not isinstance(raw, dict):
        raise _refused([("", f'{PAYLOAD} Unknown name "": Root element must be a message.')])
    read = reader.message(discovery.schemas[discovery.request], raw, path="")
    if reader.violations:
        raise _refused(reader.violations)
    return read


def _refused(violations: list[tuple[str, str]]) -> InvalidArgumentError:
    message = "\n".join(description for _, description in violations)
    return InvalidArgumentError(message, bad_request(*violations))


class _Absent:
    """Marks a value that was refused or is null."""


_ABSENT = _Absent()


class _Reader:
    def __init__(self, discovery: Discovery) -> None:
        self._schemas = discovery.schemas
        self.violations: list[tuple[str, str]] = []

    def message(self, schema: Schema, raw: Json, *, path: str) -> Json:
        read: Json = {}
        for name, value in raw.items():
            found = schema.field(name)
            if found is None:
                self._unknown_name(path, name, "Cannot find field.")
                continue
            own, definition = found
            taken = self._field(definition, value, path=path, name=proto_name(own))
            if not isinstance(taken, _Absent):
                read[own] = taken
        return read

    def _field(self, definition: Property, value: object, *, path: str, name: str) -> object:
        if value is None:
            return _ABSENT
        if definition.items is not None:
            values = value if isinstance(value, list) else [value]
            whole = _join(path, name)
            return list(self._elements(definition.items, values, path=path, name=name, whole=whole))
        if definition.ref is not None:
            return self._nested(self._schemas[definition.ref], value, path=path, name=name)
        if definition.values is not None:
            return self._map(definition.values, value, path=path, name=name)
        return self._scalar(definition, value, path=path, name=name)

    def _elements(
        self, element: Property, values: list[object], *, path: str, name: str, whole: str
    ) -> Iterable[object]:
        for index, value in enumerate(values):
            taken = self._scalar(element, value, path=path, name=name, whole=f"{whole}[{index}]")
            if not isinstance(taken, _Absent):
                yield taken

    def _nested(self, schema: Schema, value: object, *, path: str, name: str) -> object:
        if isinstance(value, dict):
            return self.message(schema, value, path=_join(path, name))
        if isinstance(value, list):
            return self._list_refused(path, name)
        return self._invalid(_join(path, name), MESSAGE_TYPE + schema.id, json.dumps(value))

    def _map(self, element: Property, value: object, *, path: str, name: str) -> object:
        if isinstance(value, list):
            return self._invalid(path, "Map", f"Cannot bind a list to map for field '{name}'.")
        if not isinstance(value, dict):
            return self._invalid(_join(path, name), "Map", json.dumps(value))
        if element.type == "any":
            return value  # google.protobuf.Struct: any JSON
        read = {}
        for index, (key, entry) in enumerate(value.items()):
            taken = self._field(element, entry, path=f"{_join(path, name)}[{index}]", name="value")
            if not isinstance(taken, _Absent):
                read[key] = taken
        return read

    def _scalar(
        self, definition: Property, value: object, *, path: str, name: str, whole: str = ""
    ) -> object:
        if isinstance(value, list):
            return self._list_refused(path, name)
        if isinstance(value, dict):
            return self._invalid(path, name, "Starting an object on a scalar field")
        if not isinstance(value, str | int | float | bool):
            return _ABSENT
        try:
            return read_scalar(definition, value)
        except ScalarError as error:
            return self._invalid(whole or _join(path, name), error.type_name, error.shown)

    def _list_refused(self, path: str, name: str) -> _Absent:
        return self._unknown_name(path, name, "Proto field is not repeating, cannot start list.")

    def _unknown_name(self, path: str, name: str, reason: str) -> _Absent:
        where = f" at '{path}'" if path else ""
        self.violations.append((path, f'{PAYLOAD} Unknown name "{name}"{where}: {reason}'))
        return _ABSENT

    def _invalid(self, path: str, type_name: str, shown: str) -> _Absent:
        where = f" at '{path}'" if path else ""
        self.violations.append((path, f"Invalid value{where} ({type_name}), {shown}"))
        return _ABSENT


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
