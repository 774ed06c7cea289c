"""The containment ladder and what each rung still lets happen: one table."""

from enum import Enum
from functools import total_ordering
from types import MappingProxyType
from uuid import UUID

from app.guardrails.errors import RungForbids


@total_ordering
class Rung(Enum):
    """Containment of a node, mildest first. The value is the word on the wire and in the rows."""

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    CANCEL_ONLY = "cancel_only"
    READ_ONLY = "read_only"
    FROZEN = "frozen"
    REVOKED = "revoked"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Rung):
            return NotImplemented
        return _SEVERITY[self] < _SEVERITY[other]


_BY_SEVERITY = tuple(Rung)
_SEVERITY = {rung: severity for severity, rung in enumerate(_BY_SEVERITY)}


def rung_at(severity: int) -> Rung:
    """The rung of a level as rows have it: 0 is `active`."""
    return _BY_SEVERITY[severity]


class Verb(Enum):
    """What somebody wants to do under a node."""

    ORDER = "order"
    REDUCE = "reduce"
    CANCEL = "cancel"
    READ = "read"
    APPROVE = "approve"
    HEARTBEAT = "heartbeat"
    SIGN_IN = "sign_in"
    MINT = "mint"
    WIDEN = "widen"
    ENROL = "enrol"
    LINK = "link"
    ROTATE = "rotate"
    REDEEM = "redeem"
    LIFT = "lift"
    DENY = "deny"
    TIGHTEN = "tighten"
    CLEAN_UP = "clean_up"


_TABLE: tuple[tuple[Verb, str, str], ...] = (
    # One mark per rung, mildest first: active, reduce_only, cancel_only, read_only, frozen, revoked
    (Verb.ORDER, "+-----", "Place an order"),
    (Verb.REDUCE, "++----", "Sell what is held, never more than that"),
    (Verb.CANCEL, "+++---", "Cancel an order"),
    (Verb.READ, "++++--", "Read: account, tree, log, what waits for an approval"),
    (Verb.APPROVE, "++++--", "Approve what is asked, within what the rung still allows"),
    (Verb.HEARTBEAT, "++++--", "Show that the device is in hand, which renews leases"),
    (Verb.SIGN_IN, "+-----", "Sign in a browser (no child is born under a fenced parent)"),
    (Verb.MINT, "+-----", "Make a child: a grant, a session"),
    (Verb.WIDEN, "+-----", "Widen a limit"),
    (Verb.ENROL, "+-----", "Enrol a device or an authenticator"),
    (Verb.LINK, "+-----", "Link an exchange key, seal a secret"),
    (Verb.ROTATE, "+-----", "Rotate a key or a token"),
    (Verb.REDEEM, "+-----", "Redeem an approval for something outside"),
    (Verb.LIFT, "+++++-", "Take a containment away, by an approval of its own"),
    (Verb.DENY, "++++++", "Say no"),
    (Verb.TIGHTEN, "++++++", "Tighten or revoke"),
    (Verb.CLEAN_UP, "++++++", "Clean up after a revoke, from the revoke's own rows"),
)
"""The ladder. The API's documentation shows this table and a test tries each of its cells."""

ALLOWED = MappingProxyType(
    {
        rung: frozenset(verb for verb, marks, _ in _TABLE if marks[place] == "+")
        for place, rung in enumerate(Rung)
    }
)


def ladder_markdown() -> str:
    """The table in Markdown, as the API's documentation shows it."""
    words = [rung.value for rung in Rung]
    lines = [f"| | {' | '.join(words)} |", "|---" * (len(words) + 1) + "|"]
    lines += [f"| {what} | {' | '.join(_YES[m] for m in marks)} |" for _, marks, what in _TABLE]
    return "\n".join(lines)


_YES = {"+": "yes", "-": "no"}


def check_rung(rung: Rung, verb: Verb, *, node_id: UUID | None = None) -> None:
    """Raise RungForbids (rule = the rung) unless `verb` is allowed on `rung`."""
    if verb not in ALLOWED[rung]:
        raise RungForbids(rule=rung.value, node=str(node_id) if node_id else None)
