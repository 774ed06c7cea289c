"""How two policies differ, as lines the phone shows: reckoned here, from the bytes it signs.

Every field and every word must be known: a rule this phone cannot say in words could be the one
that matters, so then it shows nothing, and nothing can be approved.
"""

import re
from typing import Any

Lines = list[tuple[str, str]]

_NEEDS = ("out_of_band", "medium", "strong", "phishing_resistant", "deny")
_WHEN = {
    "new_market": "in a new market",
    "new_address": "asked from a new address",
    "young_device": "decided on a device not a day old",
    "night": "at night",
}
_ACTION = re.compile(r"(\*|[a-z_]+\.[a-z_]+)\Z")
_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
_QUOTE = re.compile(r"[A-Z0-9]{1,16}\Z")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}\Z")
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}\Z")
_PRESETS = (None, "careful", "normal", "bots_only")


class PolicyUnknown(Exception):
    """A field or a word of a policy that this phone does not know."""


def difference(before: Any, after: Any, loosens: Any) -> Lines:
    """What the change makes weaker first, then everything that differs, then all that stays.

    Raises
    ------
    PolicyUnknown
        Something in either cannot be said in words here.
    """
    old, new = _read(before), _read(after)
    lines: Lines = [("Weaker", _weaker(item)) for item in _list(loosens)]
    for name in ("Actions not named, as in", "Time zone", "Night"):
        if old[name] == new[name]:
            lines.append((name, old[name]))
        else:
            lines.append((f"{name}, changes", f"{old[name]} → {new[name]}"))
    was, becomes = old["base"], new["base"]
    for action in sorted(was | becomes):
        a, b = was.get(action, "not named"), becomes.get(action, "not named")
        lines.append(("Stays", f"{action}: {a}") if a == b else ("Changes", f"{action}: {a} → {b}"))
    lines += [("No more", rule) for rule in sorted(old["rules"] - new["rules"])]
    lines += [("From then on", rule) for rule in sorted(new["rules"] - old["rules"])]
    lines += [("Stays", rule) for rule in sorted(old["rules"] & new["rules"])]
    order = {"Weaker": 0, "Changes": 1, "No more": 2, "From then on": 3}
    return sorted(lines, key=lambda line: order.get(line[0], 3 if "changes" in line[0] else 4))


def _read(policy: Any) -> dict[str, Any]:
    fields = _fields(policy, "preset", "base", "rules", "time_zone", "night")
    night = _fields(fields["night"], "begins", "ends")
    base = [_fields(item, "action", "need") for item in _list(fields["base"])]
    if fields["preset"] not in _PRESETS:
        raise PolicyUnknown("preset")
    return {
        "Actions not named, as in": fields["preset"] or "nothing: denied",
        "Time zone": _word(fields["time_zone"], _ZONE),
        "Night": f"{_word(night['begins'], _CLOCK)} to {_word(night['ends'], _CLOCK)}",
        "base": {_word(item["action"], _ACTION): _need(item["need"]) for item in base},
        "rules": {_rule(item) for item in _list(fields["rules"])},
    }


def _rule(item: Any) -> str:
    rule = _fields(item, "action", "need", "when", "above")
    action = _word(rule["action"], _ACTION)
    parts = ["any action" if action == "*" else action, *_contexts(rule["when"])]
    if rule["above"] is not None:
        parts.append(f"above {_band(rule['above'])}")
    return f"{', '.join(parts)}: {_need(rule['need'])}"


def _weaker(item: Any) -> str:
    found = _fields(item, "action", "when", "amount", "before", "after")
    parts = [_word(found["action"], _ACTION), *_contexts(found["when"])]
    if found["amount"] is not None:
        parts.append(f"for example {_band(found['amount'])}")
    return f"{', '.join(parts)}: {_need(found['before'])} → {_need(found['after'])}"


def _contexts(words: Any) -> list[str]:
    try:
        return [_WHEN[word] for word in _list(words)]
    except (KeyError, TypeError):
        raise PolicyUnknown("a circumstance") from None


def _band(value: Any) -> str:
    band = _fields(value, "amount", "quote")
    return f"{_word(band['amount'], _AMOUNT)} {_word(band['quote'], _QUOTE)}"


def _need(word: Any) -> str:
    if word not in _NEEDS:
        raise PolicyUnknown("a strength")
    return str(word)


def _fields(value: Any, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise PolicyUnknown("a field")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise PolicyUnknown("a list")
    return value


def _word(value: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise PolicyUnknown("a word")
    return value
