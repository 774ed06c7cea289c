"""Who answers for a requester: its lineage, whose caps, strikes and containment these are."""

import ipaddress
from collections.abc import Sequence
from uuid import UUID

_TOP_GRANT = 2
"""Place of the topmost grant on a path: after the root and the credential."""

_SITE_BITS = 64
"""A site has a /64 of its own (RFC 6177), and changes addresses within it as it likes."""


def lineage_of(path: Sequence[UUID]) -> str:
    """Of a grant: the one at the top of its branch, which every grant beneath it hangs on."""
    return f"grant:{path[_TOP_GRANT]}"


def lineage_at(address: str | None) -> str:
    """Of a sign-in, which nobody has proven anything for yet: where it comes from."""
    if not address:
        return "address:unknown"
    found = ipaddress.ip_address(address)
    if found.version == 4:  # noqa: PLR2004 - IPv4
        return f"address:{found}"
    return f"address:{ipaddress.ip_network((int(found), _SITE_BITS), strict=False)}"


def node_of(requester_or_lineage: str) -> tuple[str, UUID | None]:
    """Kind and id of "grant:…"; the id is None where it is no id."""
    kind, _, named = requester_or_lineage.partition(":")
    try:
        return kind, UUID(named)
    except ValueError:
        return kind, None
