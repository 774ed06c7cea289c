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


_SEVERITY = {rung: severity for severity, rung in enumerate(Rung)}


class Verb(Enum):
    """What somebody wants to do under a node."""

    ORDER = "order"
    REDUCE = "reduce"
    """An order that only sells what is held (see `rules`)."""
    CANCEL = "cancel"
    READ = "read"
    MINT = "mint"
    WIDEN = "widen"
    ENROL = "enrol"
    LINK = "link"
    ROTATE = "rotate"
    REDEEM = "redeem"
    APPROVE = "approve"
    SIGN_IN = "sign_in"
    LIFT = "lift"
    """Take a containment away; always behind an approval of its own."""
    DENY = "deny"
    TIGHTEN = "tighten"
    CLEAN_UP = "clean_up"
    """Cancels and key deletion after a revoke, from the revoke's own rows."""


_ALWAYS = frozenset({Verb.DENY, Verb.TIGHTEN, Verb.CLEAN_UP})
_FROZEN = _ALWAYS | {Verb.LIFT}
_READ_ONLY = _FROZEN | {Verb.READ, Verb.APPROVE, Verb.SIGN_IN}
_CANCEL_ONLY = _READ_ONLY | {Verb.CANCEL}
_REDUCE_ONLY = _CANCEL_ONLY | {Verb.REDUCE}

ALLOWED = MappingProxyType(
    {
        Rung.ACTIVE: frozenset(Verb),
        Rung.REDUCE_ONLY: _REDUCE_ONLY,
        Rung.CANCEL_ONLY: _CANCEL_ONLY,
        Rung.READ_ONLY: _READ_ONLY,
        Rung.FROZEN: _FROZEN,
        Rung.REVOKED: _ALWAYS,
    }
)


def check_rung(rung: Rung, verb: Verb, *, node_id: UUID | None = None) -> None:
    """Raise RungForbids (rule = the rung) unless `verb` is allowed on `rung`."""
    if verb not in ALLOWED[rung]:
        raise RungForbids(rule=rung.value, node=str(node_id) if node_id else None)
