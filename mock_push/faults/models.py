"""A fault as it is ordered, and as it stands."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

Channel = Literal["fcm", "token", "smtp", "telegram"]

Point = Literal[
    "pace", "answer", "greeting", "ehlo", "auth", "recipient", "carriage", "reply", "away"
]
"""Where in a request it strikes.

pace: before anything is answered. answer: instead of accepting. greeting, ehlo, auth, recipient:
the steps of SMTP. carriage: after accepting, on the way. reply: after accepting, instead of saying
so. away: no request at all, the receiver cannot be reached.
"""

MAX_SECONDS = 3600.0

Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_SECONDS)]


class FaultOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants to go wrong.

    Attributes
    ----------
    target
        The phone's registration, mail address or chat; None for all. For `token` the account's
        e-mail.
    times
        How often it strikes; None until it is cleared.
    skip
        How many requests of each target it lets through first.
    share
        Of the rest, which part it strikes, drawn by the seed.
    seconds
        How long a slow answer takes, a hang lasts, a message is held. None: the kind's own.
    retry_after_seconds
        What the answer tells the sender to wait, where the kind says so.
    lasts_seconds
        When it ends by itself.
    """

    channel: Channel
    kind: str
    target: Annotated[str, msgspec.Meta(min_length=1, max_length=600)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seconds: Seconds | None = None
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    lasts_seconds: Seconds | None = None


class Fault(msgspec.Struct, kw_only=True):
    """A fault in force, or used up.

    Attributes
    ----------
    number
        Counts from 1 with every fault set since the start; part of the draw.
    met
        Requests it could have struck.
    fired
        Requests it struck. For `away` always 0: no request is struck.
    """

    number: int
    point: Point
    order: FaultOrder
    seconds: float
    set_at: datetime
    met: int = 0
    fired: int = 0
    cleared: bool = False
    met_by_target: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def fault_id(self) -> str:
        return f"f{self.number}"

    def in_force(self, now: datetime) -> bool:
        """Neither cleared nor over by its own time; it may be used up all the same."""
        lasts = self.order.lasts_seconds
        over = lasts is not None and now >= self.set_at + timedelta(seconds=lasts)
        return not (self.cleared or over)

    def used_up(self) -> bool:
        return self.order.times is not None and self.fired >= self.order.times

    def concerns(self, target: str | None) -> bool:
        return self.order.target is None or self.order.target == target
