"""Which version of a policy is in force, and which waits: a comparison with the clock."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.policies.models import Policy, PolicyRow
from app.policies.presets import DEFAULT, PRESETS
from app.policies.rules import policy_of


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """The policy in force and its row (None: the preset), what waits, and the newest version there
    is of either; 0 is none.
    """

    policy: Policy
    row: PolicyRow | None
    waiting: PolicyRow | None
    newest: int


def current(rows: Sequence[PolicyRow], now: datetime) -> Current:
    """From what `store.since` gives: the row in force, if there is one, then what came after it."""
    row = rows[0] if rows and rows[0].effective_at <= now else None
    return Current(
        policy=PRESETS[DEFAULT] if row is None else policy_of(row.policy),
        row=row,
        waiting=rows[-1] if rows and rows[-1].effective_at > now else None,
        newest=rows[-1].version if rows else 0,
    )
