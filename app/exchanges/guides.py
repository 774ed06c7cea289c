"""How to connect a key at each venue, and what we know of the venue and from where.

One data file per venue family in `data/`. What nobody read in a document is in `unverified`, never
among the steps. Telephone numbers are not here on purpose: searching for a venue's support line
mostly finds people who pretend to be it.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from app.exchanges.errors import VenueUnknown
from app.exchanges.venues import VENUES

_DATA = Path(__file__).parent.joinpath("data")

Proof = Literal["plain_ccxt", "documented_example", "public_key", "bearer", "sandbox"]
"""How the requests were verified: against plain ccxt byte for byte, against an example in the
venue's document, by the key's public half; `bearer`: there is no signature to verify; `sandbox`:
sent to a venue that checks them."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document. `dated` is the date it carries or was copied at, "" if none; `read` is ours.

    All were read in stored copies, never at the venue itself, and some in copies that others keep.
    """

    title: str
    url: str
    read: str
    dated: str = ""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` is the name of one of the guide's sources, or "unverified"."""

    text: str
    source: str


class Rights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the venue's words. A key with any right beyond `tick` and `may` is refused."""

    tick: tuple[str, ...]
    may: tuple[str, ...]
    never: tuple[str, ...]
    source: str


class Budgets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The venue's own figures: `data` per egress address, `orders` per account."""

    data: str
    orders: str
    source: str


class Guide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    family: str
    title: str
    signature: str
    secrets: tuple[str, ...]
    market_ids: str
    client_order_ids: str
    broker_tags: str
    permission_read_back: str
    key_deletion: str
    addresses: Step
    symbol_whitelist: Step
    steps: tuple[Step, ...]
    rights: Rights
    budgets: Budgets
    documentation: str
    emergency: str
    sources: dict[str, Source]
    proof: tuple[Proof, ...]
    unverified: tuple[str, ...]


class VenueLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table that `tripcord venues` and `GET /v1/venues` show."""

    id: str
    title: str
    product: str
    settles_in: str | None
    status: str
    signature: str
    secret_in_clear: bool
    can_delete_key: bool
    proof: tuple[str, ...]
    unverified: tuple[str, ...]
    documentation: str | None
    emergency: str | None


@cache
def families() -> dict[str, Guide]:
    """Every guide by family. Reads the files once."""
    guides = [
        msgspec.toml.decode(file.read_bytes(), type=Guide) for file in sorted(_DATA.glob("*.toml"))
    ]
    return {guide.family: guide for guide in guides}


def guide_of(venue_id: str) -> Guide:
    """The guide of a venue that is still there, or VenueUnknown."""
    row = VENUES.get(venue_id)
    guide = families().get(row.family) if row is not None else None
    if row is None or row.status == "gone" or guide is None:
        raise VenueUnknown
    return guide


def table() -> tuple[VenueLine, ...]:
    """Every venue by name, those that are gone too, in the order of `venues`."""
    return tuple(_line(venue_id) for venue_id in VENUES)


def _line(venue_id: str) -> VenueLine:
    row = VENUES[venue_id]
    guide = None if row.status == "gone" else families().get(row.family)
    return VenueLine(
        id=row.id,
        title=row.title,
        product="" if row.status == "gone" else row.product,
        settles_in=row.settles_in,
        status=row.status,
        signature=guide.signature if guide else "",
        secret_in_clear=row.secret_in_clear,
        can_delete_key=row.can_delete_key,
        proof=guide.proof if guide else (),
        unverified=guide.unverified if guide else (),
        documentation=guide.documentation if guide else None,
        emergency=guide.emergency if guide else None,
    )
