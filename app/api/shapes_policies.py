"""Shapes of policies: read, changed, simulated."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from app.api.shapes import In, Jws, Out
from app.policies.models import Band, Context, Loosened, Need, Policy, PresetName


class Signed(In, frozen=True):
    """A device's statement: `tripcord/policy/v1`, or `tripcord/policy-cancel/v1` to cancel."""

    statement: Jws


class Waiting(Out, frozen=True):
    """What was approved and takes effect at `effective_at`, unless a device cancels it."""

    version: int
    policy: Policy
    effective_at: datetime


class PolicyView(Out, frozen=True):
    """`version` is what a change must name. `preset` is the one that the policy is, if it is one.

    `floors` are the operator's: no approval is ever weaker than that.
    """

    version: int
    policy: Policy
    preset: str | None
    since: datetime | None
    waiting: Waiting | None
    floors: dict[str, str]
    presets: dict[PresetName, Policy]


class PolicyChanged(Out, frozen=True):
    """`awaiting_approval` names the approval it takes; once approved, the policy is `waiting`."""

    state: Literal["in_force", "awaiting_approval"]
    version: int
    approval_id: UUID | None = None


class WhatIf(In, frozen=True):
    """One action in given circumstances; an amount where it has one."""

    action: Annotated[str, msgspec.Meta(max_length=65)]
    when: Annotated[list[Context], msgspec.Meta(max_length=len(Context))] = msgspec.field(
        default_factory=list
    )
    amount: Band | None = None


class Simulate(In, frozen=True):
    """A draft; without one, the policy in force. `last` is how far back to look."""

    policy: dict[str, Any] | None = None
    last: Annotated[int, msgspec.Meta(ge=0, le=50)] = 20
    action: WhatIf | None = None


class ReplayedView(Out, frozen=True):
    """`asked` null: sent without asking. `would` null: it still would be."""

    subject_id: UUID
    action: str
    at: datetime
    asked: Need | None
    would: Need | None


class Simulated(Out, frozen=True):
    """What the draft is: `tightens` (or stays), in force at once; or `loosens`, by an approval of
    at least `needs`, and a day later. Floors are reckoned in.
    """

    change: Literal["tightens", "loosens"]
    loosens: list[Loosened]
    needs: Need | None
    waits_hours: int
    history: list[ReplayedView]
    answer: Need | None
