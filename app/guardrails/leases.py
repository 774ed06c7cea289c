"""Leases: a bot signs only while a device of its trader was seen within so many hours.

Computed at use from the newest heartbeat and stored nowhere: nothing has to run for one to end.
"""

from datetime import datetime, timedelta
from uuid import UUID

from app.guardrails.errors import GuardrailRefused, WiderThanParent

_SKEW = timedelta(seconds=2)
"""A heartbeat seen this far ahead of our clock is of another node's clock, and counts."""


def inherited_lease(asked: int | None, parent: int | None) -> int | None:
    """Hours of a child's lease: what was asked, or else the parent's.

    Raises
    ------
    WiderThanParent
        Rule `lease_hours`: longer than the parent's (P5).
    """
    if asked is None or parent is None:
        return parent if asked is None else asked
    if asked > parent:
        raise WiderThanParent(rule="lease_hours")
    return asked


def check_lease(
    lease_hours: int | None, seen_at: datetime | None, now: datetime, *, node_id: UUID
) -> None:
    """Raise unless a device was seen at most `lease_hours` before `now`; None asks for nothing.

    Raises
    ------
    GuardrailRefused
        Rule `lease_expired`: seen longer ago than that, never, or in the future.
    """
    if lease_hours is None:
        return
    if seen_at is None or not -_SKEW <= now - seen_at <= timedelta(hours=lease_hours):
        raise GuardrailRefused(rule="lease_expired", node=str(node_id))
