"""From a row of the outbox to what a phone gets. Pure."""

from datetime import datetime

from app.outbox.models import Message
from app.push.models import Address, Doorbell, DoorbellData, RegistrationKind

VERSION = "1"
"""Of the data; phones ignore a version they do not know and poll."""

MAX_TTL_SECONDS = 28 * 24 * 3600
"""Longest that FCM stores a message (android.ttl: four weeks)."""

_KINDS: dict[str | None, RegistrationKind] = {"fid": "fid", "token": "token"}


def address_of(message: Message) -> Address | None:
    """Where to ring; None when the device has no working registration."""
    kind = _KINDS.get(message.registration_kind)
    if kind is None or not message.registration:
        return None
    return Address(kind, message.registration)


def make_doorbell(message: Message, address: Address, *, now: datetime) -> Doorbell:
    """Say that there is something to fetch, and nothing of what it is (P9).

    Raises
    ------
    ValueError
        The message has expired; it must not be sent.
    """
    if message.expires_at <= now:
        raise ValueError("an expired message is never sent")
    rid = str(message.rid)
    seconds_left = int((message.expires_at - now).total_seconds())
    return Doorbell(
        address=address,
        data=DoorbellData(v=VERSION, t=message.topic.value, rid=rid),
        collapse_id=rid,
        ttl_seconds=min(seconds_left, MAX_TTL_SECONDS),
        expires_at=message.expires_at,
    )
