"""A policy as it is signed, stored and shown, and what it looks at."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from functools import total_ordering
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from app.core.evidence import row_evidence
from app.guardrails.strength import Strength

ANY_ACTION = "*"

LOOSENING_WAITS = timedelta(hours=24)
"""How long every device can still cancel what was loosened (DESIGN section 5: as re-enrolment)."""


@total_ordering
class Need(Enum):
    """What an action needs, least first: the strengths of an approval, and past them `deny`."""

    OUT_OF_BAND = "out_of_band"
    MEDIUM = "medium"
    STRONG = "strong"
    PHISHING_RESISTANT = "phishing_resistant"
    DENY = "deny"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Need):
            return NotImplemented
        return _RANK[self] < _RANK[other]

    @property
    def strength(self) -> Strength:
        """The approval that is enough. For `deny` none is, and the strongest stands for it: it is
        what taking a denial away needs.
        """
        return Strength.PHISHING_RESISTANT if self is Need.DENY else Strength(self.value)


_RANK = {need: rank for rank, need in enumerate(Need)}


class Context(StrEnum):
    """The closed list of circumstances that a rule may speak of, beside amounts."""

    NEW_MARKET = "new_market"
    """No order of the trader's was ever filled in (one of) the markets it names."""

    NEW_ADDRESS = "new_address"
    """Nothing that was asked from this address was approved in the last 90 days."""

    YOUNG_DEVICE = "young_device"
    """The device that decides was bound less than 24 hours ago."""

    NIGHT = "night"
    """Within the policy's own hours of the night, in its own time zone."""


class Band(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than this: a decimal string, in the currency of the allocation."""

    amount: Annotated[str, msgspec.Meta(max_length=40)]
    quote: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,16}\Z")]


ActionWord = Annotated[str, msgspec.Meta(pattern=r"^(\*|[a-z_]{1,32}\.[a-z_]{1,32})\Z")]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
PresetName = Literal["careful", "normal", "bots_only"]


class Base(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an action needs in any case. An action without one is denied."""

    action: ActionWord
    need: Need


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an action needs where all of `when` holds and its amount is above the band.

    `action` is a type, or `*` for all of them. A rule only raises what the base says.
    """

    action: ActionWord
    need: Need
    when: Annotated[list[Context], msgspec.Meta(max_length=len(Context))] = []
    above: Band | None = None


class Night(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `begins` to just before `ends`, wall-clock time, over midnight where it ends first."""

    begins: Clock = "22:00"
    ends: Clock = "07:00"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole policy. `preset` answers for action types that no base names: those of a later day.

    `time_zone` is a name of the IANA database and says when it is night.
    """

    preset: PresetName | None
    base: Annotated[list[Base], msgspec.Meta(max_length=64)]
    rules: Annotated[list[Rule], msgspec.Meta(max_length=32)]
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    night: Night = Night()


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """What an action is worth, in the currency of the allocation."""

    amount: Decimal
    quote: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of one action. An action that has no amount has None, which is above any band."""

    contexts: frozenset[Context] = frozenset()
    amount: Amount | None = None


class Loosened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that needs less than before: where all of `when` holds, and no more than that.

    `amount` is an example of an amount, for actions that have one.
    """

    action: str
    when: list[Context]
    amount: Band | None
    before: Need
    after: Need


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a trader's policy under one root: evidence of the signer.

    `policy` is canonical JSON. A `loosened` one names the approval that it took and takes effect a
    day after it was sealed; the others name the statement of the device that signed for them.
    """

    trader_id: UUID
    root_id: UUID
    version: int
    change: Literal["tightened", "loosened", "cancelled"]
    policy: bytes
    device_id: UUID
    statement: str | None
    approval_id: UUID | None
    sealed_at: datetime
    effective_at: datetime
    mac: bytes

    def evidence(self) -> bytes:
        return row_evidence("trader_policy/1", self)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a trader at one moment: the row in force, and the operator's floor.

    No row is the preset a trader starts with.
    """

    row: PolicyRow | None
    floor: Strength | None
