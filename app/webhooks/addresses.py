"""Where a webhook may lead: the address text when it is registered, the address itself at connect.

The text is only a courtesy to whoever mistyped. What counts is `may_connect`, asked about the very
socket address that is connected to: a name that resolves differently the second time (DNS
rebinding), or a number in octal, gains nothing.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from app.webhooks.errors import WebhookUrlRefused

_V4_REFUSED: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
            "168.63.129.16/32",
        ),
    )
)  # fmt: skip
"""IANA's special-purpose registry (RFC 6890) and 6to4 relays, multicast and class E; last, the one
public address under which Azure's machines find their host."""

_V6_ALLOWED: Final = ipaddress.IPv6Network("2000::/3")
"""Global unicast (RFC 4291). Loopback, link-local, unique local, multicast, IPv4-mapped and NAT64
addresses are all outside."""
_V6_REFUSED: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
"""Protocol assignments with Teredo in them, documentation, 6to4, AS112."""
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""Upper half of an interface id that carries an IPv4 address (RFC 5214 section 6.1)."""

_PRINTABLE: Final = frozenset(map(chr, range(0x21, 0x7F))) - set('"<>\\^`{|}')
_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
"""A last label that makes resolvers take the whole for an IPv4 address (WHATWG URL, "ends in a
number")."""
MAX_URL_CHARS: Final = 2048


def check_url(url: str, *, loopback: bool) -> None:
    """Raise WebhookUrlRefused unless `url` may be registered.

    `loopback` allows this machine, where plain HTTP will do: for tests and trying things out.
    """
    if len(url) > MAX_URL_CHARS or not _PRINTABLE.issuperset(url) or "#" in url:
        raise WebhookUrlRefused(rule="characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise WebhookUrlRefused(rule="form") from None
    if not host or "@" in parts.netloc or port == 0:
        raise WebhookUrlRefused(rule="host")
    _check_host(parts, host, loopback=loopback)


def _check_host(parts: SplitResult, host: str, *, loopback: bool) -> None:
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        literal = None
    if literal is None:
        if _NUMBER.match(host.rstrip(".").rpartition(".")[2]):
            raise WebhookUrlRefused(rule="host")  # 127.1, 2130706433, 0x7f.1: no name ends so
        here = host == "localhost" or host.endswith(".localhost")
    else:
        here = literal.is_loopback
    if here:
        if not loopback or parts.scheme not in {"http", "https"}:
            raise WebhookUrlRefused(rule="host")
        return
    if parts.scheme != "https":
        raise WebhookUrlRefused(rule="scheme")
    if literal is not None and not is_public(host):
        raise WebhookUrlRefused(rule="host")


def may_connect(address: str, *, loopback: bool) -> bool:
    """Whether a socket may be connected to `address`, as the resolver wrote it."""
    if is_public(address):
        return True
    try:
        return loopback and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether an address is somebody's on the internet; a text that is none is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _V4_REFUSED)
    return (
        parsed in _V6_ALLOWED
        and parsed.scope_id is None
        and not any(parsed in network for network in _V6_REFUSED)
        and (int(parsed) >> 32) & 0xFFFFFFFF not in _ISATAP
    )
