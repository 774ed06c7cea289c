"""The venues by name: where they are, what they can do, how long we wait.

A venue without a dialect (a table that reads its requests back) is not in this list.
"""

import re
from types import MappingProxyType
from typing import Literal

import msgspec

from app.exchanges.errors import VenueUnknown

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}\Z")


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """One venue.

    `base_url` is scheme and host without a path; None for the sandbox, which gets its own from
    `sandbox_at`. `emergency_url` is where a person deletes a key by hand. `can_delete_key` says
    whether the interface offers that. `receive_window_ms` is how long after its timestamp the
    venue takes a signed request; `answer_seconds` is how long `courier` waits for one answer.
    `secret_in_clear` says that the venue wants a secret in a header (P4 names these).
    """

    id: str
    title: str
    dialect: Literal["binance"]
    base_url: str | None
    emergency_url: str | None
    can_delete_key: bool
    receive_window_ms: int
    connect_seconds: int
    answer_seconds: int
    secret_in_clear: bool = False
    enabled: bool = True


_ROWS = (
    Venue(
        id="binance",
        title="Binance",
        dialect="binance",
        base_url="https://api.binance.com",
        emergency_url="https://www.binance.com/en/my/settings/api-management",
        # Binance offers key deletion for broker sub-accounts only.
        can_delete_key=False,
        receive_window_ms=10_000,  # ccxt's own value; the venue's maximum is 60,000
        connect_seconds=3,
        answer_seconds=10,  # the venue answers -1007 when its own engine took longer
    ),
    Venue(
        id="sandbox",
        title="Sandbox",
        dialect="binance",
        base_url=None,
        emergency_url=None,
        can_delete_key=False,
        receive_window_ms=10_000,
        connect_seconds=3,
        answer_seconds=10,
    ),
)
VENUES = MappingProxyType({row.id: row for row in _ROWS})


def venue(venue_id: str) -> Venue:
    """Row of an enabled venue, or raise VenueUnknown."""
    row = VENUES.get(venue_id)
    if row is None or not row.enabled:
        raise VenueUnknown
    return row


def sandbox_at(url: str) -> Venue:
    """Row of the sandbox at `url`: the only one that may name loopback and plain HTTP.

    Raises
    ------
    ValueError
        `url` is not plain HTTP to loopback with a port.
    """
    if not _LOOPBACK.match(url):
        raise ValueError("the sandbox is at http://<loopback>:<port>, without a path")
    return msgspec.structs.replace(VENUES["sandbox"], base_url=url)
