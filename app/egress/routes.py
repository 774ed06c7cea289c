"""Where each venue is, and to which addresses a connection may be made."""

import ipaddress
from collections.abc import Mapping

import msgspec
from yarl import URL

from app.egress.errors import ReleaseRefused
from app.exchanges.venues import VENUES, Venue, sandbox_at

MAX_CONNECT_SECONDS = 2
MAX_ANSWER_SECONDS = 10
"""Seconds, whatever longer a venue's row allows; a request's time window is 10 s as well."""

_PRINTABLE = frozenset(map(chr, range(0x21, 0x7F))) - {"#", "\\"}

# Addresses that carry another one inside, which could be private (RFC 6052, RFC 3056).
_TUNNELS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A pinned way to one venue. `base` has scheme, host and port only."""

    venue_id: str
    dialect: str
    base: str
    loopback: bool
    connect_seconds: float
    answer_seconds: float
    receive_window_seconds: float

    def url(self, path_and_query: str) -> URL:
        """The address of one request, byte for byte as it was signed.

        Raises
        ------
        ReleaseRefused
            `path_and_query` is no path, or would lead to another host (as "@host/" would).
        """
        if not _PRINTABLE.issuperset(path_and_query):
            raise ReleaseRefused(rule="path")
        url = URL(self.base + path_and_query, encoded=True)
        if url.origin() != URL(self.base) or url.raw_path_qs != path_and_query:
            raise ReleaseRefused(rule="path")
        return url

    def may_connect(self, address: str) -> bool:
        """Whether `address` (an IP literal) is where this venue may be."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if self.loopback:
            return ip.is_loopback
        return ip.is_global and not ip.is_multicast and not any(ip in net for net in _TUNNELS)


def route_of(row: Venue) -> Route:
    """Make the route of a venue's row.

    Raises
    ------
    ValueError
        A row other than the sandbox's that is not plainly HTTPS to a host by name.
    """
    base = URL(row.base_url or "")
    if base.host is None or str(base.origin()) != row.base_url:
        raise ValueError(f"{row.id}: a base URL is scheme and host")
    sandbox = row.id == "sandbox"
    if not sandbox and (base.scheme != "https" or _is_literal(base.host)):
        raise ValueError(f"{row.id}: HTTPS to a name, or nothing")
    return Route(
        venue_id=row.id,
        dialect=str(row.dialect),
        base=str(row.base_url),
        loopback=sandbox,
        connect_seconds=min(row.connect_seconds, MAX_CONNECT_SECONDS),
        answer_seconds=min(row.answer_seconds, MAX_ANSWER_SECONDS),
        receive_window_seconds=row.receive_window_ms / 1000,
    )


def all_routes(sandbox_url: str | None) -> Mapping[str, Route]:
    """Routes of the enabled venues by id; the sandbox is there only where it has an address."""
    rows = [row for row in VENUES.values() if row.enabled and row.base_url is not None]
    if sandbox_url is not None:
        rows.append(sandbox_at(sandbox_url))
    return {row.id: route_of(row) for row in rows}


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
