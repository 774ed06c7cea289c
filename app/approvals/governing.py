"""Who may ring the phone how often: decided from counters that are rows. Pure.

Flooding a person until they say yes is how push approvals are beaten. So a requester has one open
question and three in ten minutes, a no is final for ten minutes, and whoever was told no twice
rings no more. None of it is a weapon against the owner: what a device of the trader's asks is never
refused, nor silenced by anybody else's asking; and a sign-in is only ever made silent, for whoever
floods from an address must not keep its owner out.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from math import ceil
from typing import Final

import msgspec

from app.approvals.errors import CoolingDown, PromptOpen, PromptsExhausted, RequesterMuted
from app.approvals.models import Prompt

PER_REQUESTER: Final = 3
REQUESTER_WINDOW: Final = timedelta(minutes=10)
"""Since the requester's last yes, if that is later: NIST SP 800-63B-4 section 3.1.3.1 limits the
total of pushes since the last success. A person who says yes is not being worn down."""

PER_TRADER: Final = 10
TRADER_WINDOW: Final = timedelta(hours=1)
COOL_DOWN: Final = timedelta(minutes=10)
STRIKES: Final = 2
STRIKE_WINDOW: Final = timedelta(hours=1)
"""How long a no is remembered against its lineage, or until its next yes."""

MUTED: Final = timedelta(hours=24)
"""After `fraud`: long enough for the owner to look, and as long as every other way back takes."""

PER_DEVICE: Final = 10
"""Questions of one own device that ring in ten minutes: a stolen phone must not deafen others."""

SIGN_INS: Final = 20
"""Attempts from one address (/64) in ten minutes that are asked at all (DESIGN section 10)."""

BURST: Final = 5
BURST_WINDOW: Final = timedelta(seconds=2)
BATCHABLE: Final = frozenset({"trade.order"})
"""Of these many may be asked at once. The others are single steps of a person's own doing."""


class Who(Enum):
    OTHER = auto()
    """A platform or a bot."""

    DEVICE = auto()
    SIGN_IN = auto()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows say about a requester, its lineage and the trader, as of the lock.

    `asked` counts since the last yes within ten minutes; `open_until` is the latest end of what is
    open. `denied_at` is of the same cool-down key. `burst_began_at` is the first question of the
    same type that rang within the last two seconds.
    """

    asked: int = 0
    asked_since: datetime | None = None
    open_until: datetime | None = None
    denied_at: datetime | None = None
    strikes: int = 0
    trader_rang: int = 0
    muted_until: datetime | None = None
    burst_began_at: datetime | None = None


def who(requester: str) -> Who:
    kind = requester.partition(":")[0]
    return {"device": Who.DEVICE, "session": Who.SIGN_IN}.get(kind, Who.OTHER)


def govern(standing: Standing, requester: str, action_type: str, now: datetime) -> Prompt:
    """Whether this question rings, is listed only, or waits for the batch of its burst.

    Raises
    ------
    RequesterMuted, CoolingDown, PromptOpen, PromptsExhausted
        It is not asked at all; each says when to come back.
    """
    match who(requester):
        case Who.DEVICE:
            return "silent" if standing.asked >= PER_DEVICE else "rang"
        case Who.SIGN_IN:
            if standing.asked >= SIGN_INS:
                raise PromptsExhausted(retry_after_seconds=_until(standing, now))
            refused = _refusal(standing, now)
            return "silent" if refused is not None else _ring(standing)
        case Who.OTHER:
            refused = _refusal(standing, now)
            if isinstance(refused, PromptOpen) and _in_burst(standing, action_type):
                return "gathered"
            if refused is not None:
                raise refused
            return _ring(standing)


def _refusal(
    standing: Standing, now: datetime
) -> RequesterMuted | CoolingDown | PromptOpen | PromptsExhausted | None:
    if standing.muted_until is not None and standing.muted_until > now:
        return RequesterMuted(retry_after_seconds=_seconds(standing.muted_until - now))
    if standing.denied_at is not None and standing.denied_at + COOL_DOWN > now:
        return CoolingDown(retry_after_seconds=_seconds(standing.denied_at + COOL_DOWN - now))
    if standing.open_until is not None:
        return PromptOpen(retry_after_seconds=_seconds(standing.open_until - now))
    if standing.asked >= PER_REQUESTER:
        return PromptsExhausted(retry_after_seconds=_until(standing, now))
    return None


def rings(standing: Standing) -> bool:
    """Whether it may ring as far as strikes and the trader's own cap go."""
    return standing.strikes < STRIKES and standing.trader_rang < PER_TRADER


def _ring(standing: Standing) -> Prompt:
    return "rang" if rings(standing) else "silent"


def _in_burst(standing: Standing, action_type: str) -> bool:
    return action_type in BATCHABLE and standing.burst_began_at is not None


def _until(standing: Standing, now: datetime) -> int:
    since = standing.asked_since or now
    return _seconds(since + REQUESTER_WINDOW - now)


def _seconds(left: timedelta) -> int:
    return max(1, ceil(left.total_seconds()))
