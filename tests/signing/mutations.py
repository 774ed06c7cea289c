"""Single-field changes of an action: what somebody would hope still counts as what was approved."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[Any, ...]

_LOOKALIKES = str.maketrans("aceopxyABCEHKMOPTXZ0", "асеорхуАВСЕНКМОРТХZО")  # noqa: RUF001
_BIDI = ("\u202e", "\u200b", "\u2066", "\u00ad", "\ufeff")


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar, and every list, with the way to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        yield path, value
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    else:
        yield path, value


def _of_text(text: str, draw: random.Random) -> list[Any]:
    place = draw.randrange(len(text) + 1)
    return [
        text + " ", " " + text, text.upper(), text.lower(), text.swapcase(), text[:-1],
        text.translate(_LOOKALIKES), text[:place] + draw.choice(_BIDI) + text[place:],
        text + "\n", text[::-1], text + "0", f"0{text}", f"+{text}", f"-{text}", f"{text}.0",
        f"{text}e0", f"{text}E1", f"0x{text}", text.replace(".", ","), text.replace(".", ""),
        text.replace("0", "9"), text.replace("1", "7"), "NaN", "Infinity", "", None, [text],
        {"value": text}, "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in text),
        text.replace("-", "\u2011"), f"{draw.randrange(10**9)}", text + text,
    ]  # fmt: skip


def _of_other(value: Any, draw: random.Random) -> list[Any]:
    match value:
        case bool():
            return [not value, int(value), str(value).lower(), None]
        case int():
            return [value + 1, -value, str(value), value * 10, None, draw.randrange(10**6)]
        case list():
            more = [*value, *(value[:1] or ["x"])]
            return [value[::-1], more, value[1:], [], sorted(map(str, value), reverse=True), None]
        case _:
            return ["", 0, [], {}, "x", draw.randrange(10**6)]


def _replaced(action: Any, path: Path, value: Any) -> Any:
    copy = json.loads(json.dumps(action))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


def _removed(action: Any, path: Path) -> Any:
    copy = json.loads(json.dumps(action))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return copy


def mutate(raw: bytes, draw: random.Random, canonical: Callable[[Any], bytes]) -> bytes:
    """Other bytes than `raw`, by one change of one field, or of how it is written."""
    action = json.loads(raw)
    while True:
        changed = _once(raw, action, draw, canonical)
        if changed != raw:
            return changed


def _once(raw: bytes, action: Any, draw: random.Random, canonical: Callable[[Any], bytes]) -> bytes:
    path, value = draw.choice(list(leaves(action)))
    match draw.randrange(12):
        case 0:
            extra = draw.choice(["amount2", "order", "Venue", "venue ", "__proto__", "x"])
            return canonical({**action, extra: draw.choice([value, "1", 1, None, [], {}])})
        case 1:
            return canonical(_removed(action, path))
        case 2:
            # The same name twice, other spaces, another order: one reading too many.
            twice = raw[:-1] + b"," + json.dumps(path[0]).encode() + b':"x"}'
            swapped = json.dumps(dict(reversed(action.items())), separators=(",", ":")).encode()
            return draw.choice(
                [twice, swapped, raw + b" ", b" " + raw, raw.replace(b":", b": ", 1), raw + raw,
                 raw.replace(b"a", b"\\u0061", 1), raw[:-1], b"\xef\xbb\xbf" + raw]
            )  # fmt: skip
        case _:
            options = _of_text(value, draw) if isinstance(value, str) else _of_other(value, draw)
            return canonical(_replaced(action, path, draw.choice(options)))
