"""What a platform says of its own user: bounded, made harmless, and put in its name.

It is input authenticated by the platform's token and no more: nothing is decided by it, and the
phone shows it as claimed by that platform.
"""

import ipaddress
import unicodedata

import msgspec

from app.approvals.actions import Claimed
from app.core.errors import Malformed
from app.platforms.models import Platform

MOST_CHARS = 128
"""Of each text: two lines on a phone."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The end user's address, user agent and place as the platform saw them, and its message."""

    address: str | None = None
    user_agent: str | None = None
    place: str | None = None
    message: str | None = None


def claimed_by(platform: Platform, claim: Claim) -> Claimed:
    """Raise Malformed (rule `address`) unless the address is one; cut and clean the texts."""
    address = claim.address
    if address is not None:
        try:
            address = str(ipaddress.ip_address(address))
        except ValueError:
            raise Malformed(rule="address") from None
    return Claimed(
        by=platform.name,
        address=address,
        user_agent=_line(claim.user_agent),
        place=_line(claim.place),
        message=_line(claim.message),
    )


def clean(text: str) -> str:
    """`text` with a mark in the place of each control, bidirectional or invisible character."""
    return "".join(
        c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\ufffd" for c in text
    )


def _line(text: str | None) -> str | None:
    return None if text is None else clean(text[:MOST_CHARS])
