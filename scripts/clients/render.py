"""What the phone shows before it signs: made from the signed bytes, by a table on the phone.

The service sends canonical bytes and the id of a template, never a sentence. A template is a list
of (field, label, kind). Every field of the action must have its line: a field this phone does not
know could be the one that matters, so it refuses to show (and thereby to approve) such an action.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scripts.clients.encoding import BadFormat, parse_canonical, sha256
from scripts.clients.policies import PolicyUnknown, difference
from scripts.clients.rows import CLAIMED, Kind, Row, Template, money
from scripts.clients.templates import ASKED


class CannotRender(Exception):
    """Not all of the action can be shown truthfully here, so it cannot be approved here."""


@dataclass(frozen=True, slots=True)
class Screen:
    title: str
    lines: tuple[tuple[str, str], ...]
    digest: bytes
    """SHA-256 of exactly the bytes these lines were made from."""


_FACTOR = (
    Row("kind", "Kind of factor"),
    Row("label", "Your name for it", Kind.TEXT),
    Row("device_id", "Brought by device"),
    Row("factor_id", "Factor record"),
    Row("details_sha256", "Digest of its record"),
)

TEMPLATES: dict[str, Template] = {
    "order/1": Template(
        "trade.order",
        "Send this order?",
        (
            Row("order.side", "Side"),
            Row("order.quantity", "Quantity", Kind.AMOUNT),
            Row("order.market", "Market"),
            Row("order.type", "Type"),
            Row("order.price", "Price", Kind.AMOUNT, optional=True),
            Row("order.time_in_force", "Time in force", optional=True),
            Row("order.asked_as", "Asked for as", optional=True),
            *money("notional", "Worth"),
            Row("venue", "Venue"),
            Row("model", "Bot", Kind.TEXT),
            Row("client_order_id", "Order name at the venue"),
            Row("signed_order_sha256", "Bot's signed order"),
            Row("grant_id", "Grant"),
            Row("order_id", "Order record"),
            Row("credential_id", "Key record"),
        ),
    ),
    "key_link/1": Template(
        "trade.key_link",
        "Link this exchange key?",
        (
            Row("venue", "Venue"),
            Row("api_key_id", "API key"),
            Row("label", "Your name for it", Kind.TEXT),
            Row("permissions.*", "May"),
            Row("ip_restricted", "Only from fixed addresses", Kind.FLAG),
            Row("envelope_sha256", "Sealed secret"),
            Row("credential_id", "Key record"),
        ),
    ),
    "bot_grant/1": Template(
        "bot.grant",
        "Let this bot trade?",
        (
            Row("model.name", "Bot", Kind.TEXT),
            Row("model.version", "Bot version", Kind.TEXT),
            Row("markets.*", "Market"),
            *money("allocation", "Allocation"),
            *money("max_order", "Largest order"),
            *money("free_limit", "Without asking, up to"),
            Row("expires_at", "Until"),
            Row("lease_hours", "Only while a device was seen in, hours", Kind.COUNT, optional=True),
            Row("parent_name", "Beneath the bot", Kind.TEXT),
            Row("ip_networks.*", "May come from", Kind.PLACE),
            Row("scope.*", "May"),
            Row("venue", "Venue"),
            Row("label", "With your key", Kind.TEXT),
            Row("requested_by", "Asked by", Kind.TEXT),
            Row("model.digest", "Bot digest"),
            Row("model.jkt", "Bot key"),
            Row("model_jwk.*", "Bot key,"),
            Row("grant_id", "Grant"),
            Row("parent_grant_id", "Beneath the grant"),
            Row("credential_id", "Key record"),
            *CLAIMED,
        ),
    ),
    "recovery_codes/1": Template(
        "factor.recovery_codes",
        "Make new recovery codes?",
        (
            Row("codes", "How many", Kind.COUNT),
            Row("replaces", "In place of set", Kind.COUNT),
            Row("device_id", "Made by device"),
            Row("statement_sha256", "Its statement"),
        ),
    ),
    "device_add/1": Template(
        "device.add",
        "Let this phone approve and control?",
        (
            Row("name", "Its name", Kind.TEXT),
            Row("jkt", "Its key, as it shows"),
            Row("public_jwk.*", "Its key,"),
            Row("requested_by", "Asked by"),
            Row("device_id", "Device record"),
        ),
    ),
    "factor_add/1": Template("factor.add", "Approve with this from now on?", _FACTOR),
    "factor_remove/1": Template("factor.remove", "Never approve with this again?", _FACTOR),
    "token_lift/1": Template(
        "token.lift",
        "Lift this containment?",
        (
            Row("label", "Name", Kind.TEXT),
            Row("kind", "What it is"),
            Row("from_state", "Now"),
            Row("to_state", "Afterwards"),
            Row("requested_by", "Asked by"),
            Row("token_id", "Node"),
            Row("asked_at_position", "As of log entry"),
        ),
    ),
    "token_child/1": Template(
        "token.child",
        "Let this platform see or ask for more?",
        (
            Row("platform_name", "Platform", Kind.TEXT),
            Row("label", "It calls this", Kind.TEXT),
            Row("scope.*", "May"),
            Row("ip_networks.*", "May come from", Kind.PLACE),
            Row("expires_at", "Until"),
            Row("requested_by", "Asked by", Kind.TEXT),
            Row("kind", "Kind of token"),
            Row("platform_id", "Platform record"),
            Row("jkt", "Platform key"),
            Row("token_id", "Token"),
            Row("parent_id", "Beneath"),
            *CLAIMED,
        ),
    ),
    "ip_change/1": Template(
        "net.ip_change",
        "Allow it from other addresses?",
        (
            Row("label", "What", Kind.TEXT),
            Row("kind", "Kind of token"),
            Row("to_networks.*", "From now on from", Kind.PLACE),
            Row("from_networks.*", "Until now from", Kind.PLACE),
            Row("requested_by", "Asked by", Kind.TEXT),
            Row("token_id", "Token"),
            Row("version", "Version", Kind.COUNT),
            *CLAIMED,
        ),
    ),
    "policy_change/1": Template(
        "policy.change",
        "Ask for less from now on?",
        (
            Row("waits_hours", "Takes effect after, hours", Kind.COUNT),
            Row("requested_by", "Asked by"),
            Row("version", "Follows version", Kind.COUNT),
            Row("statement_sha256", "Its statement"),
        ),
        compared=("before", "after", "loosens"),
    ),
    "sign_in/1": Template(
        "session.sign_in",
        "Is this you signing in?",
        (
            Row("address", "Address"),
            Row("user_agent", "Browser", Kind.TEXT),
            Row("at", "Time"),
            Row("jkt", "Browser key"),
            Row("session_id", "Session"),
        ),
    ),
    **ASKED,
}

MOST_LEAVES = 50
_EVERYWHERE = (Row("type", "Kind of action"), Row("trader_id", "Account"))

_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Of an ordinary category in Unicode, and yet nothing to see."""


def render(template: str, action: bytes) -> Screen:
    """Turn the bytes that will be signed into lines of text.

    Raises
    ------
    CannotRender
        Unknown template, an action of another type, a field without a line or a line without its
        field, a value of another kind, or bytes that are not canonical JSON.
    """
    # (1) The bytes must have one reading only.
    try:
        value = parse_canonical(action)
    except BadFormat as error:
        raise CannotRender(f"the action is {error}") from None
    # (2) The template is ours, and it must be the one for this type.
    known = TEMPLATES.get(template)
    if known is None or not isinstance(value, dict) or value.get("type") != known.action_type:
        raise CannotRender("this phone has no template for this action")
    # (3) Every field gets its line, in the template's order; of a batch, those of each action.
    lines = _batch(known, value) if known.action_type == "trade.batch" else _lines(known, value)
    # (4) What was shown is what will be signed.
    return Screen(known.title, tuple(lines), sha256(action))


def _lines(known: Template, value: dict[str, Any]) -> list[tuple[str, str]]:
    lines = _compare(known, value)
    rest = {name: item for name, item in value.items() if name not in known.compared}
    unshown = list(_leaves(rest, ""))
    claimed = value.get("claimed")
    claimant = claimed.get("by") if isinstance(claimed, dict) else None
    for row in (*known.rows, *_EVERYWHERE):
        found = [leaf for leaf in unshown if _matches(row.field, leaf[0])]
        if not found and not row.optional:
            raise CannotRender(f"the action lacks {row.field}")
        lines.extend((_label(row, path), _show(row, leaf, claimant)) for path, leaf in found)
        unshown = [leaf for leaf in unshown if leaf not in found]
    if unshown:
        raise CannotRender(f"this phone does not know the field {neutralise(unshown[0][0])}")
    return lines


def _batch(known: Template, value: dict[str, Any]) -> list[tuple[str, str]]:
    """The whole first, then each action by its own template: none is left out, none is added."""
    leaves = value.get("actions")
    own = next((one for one in TEMPLATES.values() if one.action_type == value.get("of")), None)
    if own is None or own is known or not isinstance(leaves, list):
        raise CannotRender("this phone has no template for the actions of this batch")
    if value.get("count") != len(leaves) or not 1 < len(leaves) <= MOST_LEAVES:
        raise CannotRender("the batch does not have the actions that it counts")
    lines = _lines(known, {name: item for name, item in value.items() if name != "actions"})
    sums: dict[str, Decimal] = {}
    for number, leaf in enumerate(leaves, start=1):
        if (
            not isinstance(leaf, dict)
            or leaf.get("type") != value["of"]
            or leaf.get("trader_id") != value.get("trader_id")
        ):
            raise CannotRender("an action of the batch is of another type or account")
        shown = _lines(own, leaf)
        lines += [(f"{number} of {len(leaves)}: {label}", text) for label, text in shown]
        worth = leaf.get("notional")
        if isinstance(worth, dict):
            unit = str(worth["quote"])
            sums[unit] = sums.get(unit, Decimal(0)) + Decimal(worth["amount"])
    said = {str(one["quote"]): Decimal(one["amount"]) for one in value["total"]}
    if said != sums or len(said) != len(value["total"]):
        raise CannotRender("the batch's total is not that of its actions")
    return lines


def _compare(known: Template, value: dict[str, Any]) -> list[tuple[str, str]]:
    if not known.compared:
        return []
    try:
        return difference(*(value[name] for name in known.compared))
    except (KeyError, PolicyUnknown) as error:
        raise CannotRender(f"this phone cannot compare these: {error}") from None


def neutralise(text: str, *, ascii_only: bool = False) -> str:
    """Spell out, as ⟨U+202E⟩, every character that could hide or reorder its neighbours.

    That is controls, bidirectional and other format characters, unassigned and private ones,
    spaces other than the plain one, variation selectors, blank letters; with `ascii_only` also
    every look-alike from another script.
    """
    return "".join(c if _is_plain(c, ascii_only=ascii_only) else f"⟨U+{ord(c):04X}⟩" for c in text)


def _is_plain(character: str, *, ascii_only: bool) -> bool:
    if character.isascii():
        return character.isprintable()
    category = unicodedata.category(character)
    if ascii_only or category[0] in "CZ" or character in _BLANK_LETTERS or character in "⟨⟩":
        return False
    return "VARIATION SELECTOR" not in unicodedata.name(character, "VARIATION SELECTOR")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every scalar with its path; an empty list or map counts as a leaf, so that it is shown."""
    match value:
        case dict() if value:
            for name, item in value.items():
                if not _FIELD_NAME.match(name):
                    raise CannotRender("a field of the action has an impossible name")
                yield from _leaves(item, f"{path}.{name}" if path else name)
        case list() if value:
            for number, item in enumerate(value, start=1):
                yield from _leaves(item, f"{path}.{number}")
        case _:
            yield path, value


def _matches(pattern: str, path: str) -> bool:
    if path == pattern.removesuffix(".*"):
        return True
    wanted, given = pattern.split("."), path.split(".")
    pairs = zip(wanted, given, strict=False)
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in pairs)


def _label(row: Row, path: str) -> str:
    key = path.rsplit(".", 1)[-1]
    return (
        f"{row.label} {key}" if row.field.endswith(".*") and path != row.field[:-2] else row.label
    )


def _show(row: Row, value: Any, claimant: Any = None) -> str:
    if value is None or value in ([], {}):
        return "anywhere" if value == [] and row.kind is Kind.PLACE else "none"
    match row.kind, value:
        case Kind.FLAG, bool():
            return "yes" if value else "no"
        case Kind.COUNT, int() if not isinstance(value, bool) and value >= 0:
            return str(value)
        case Kind.AMOUNT, str() if _AMOUNT.match(value):
            return value
        case Kind.CLAIM, str() if isinstance(claimant, str):
            return f"“{neutralise(value)}”, claimed by {neutralise(claimant)}"
        case Kind.CODE | Kind.TEXT | Kind.PLACE, str():
            return neutralise(value, ascii_only=row.kind is not Kind.TEXT)
        case _:
            raise CannotRender(f"{row.field} has a value of another kind")
