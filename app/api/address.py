"""Whose address it is: the peer's, or what trusted hops say beyond it."""

import ipaddress
from collections.abc import Collection, Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(peer: str, forwarded: Iterable[str], trusted: Collection[Network]) -> str:
    """The first address, counted from our end, that is not a trusted hop's.

    Parameters
    ----------
    peer
        The other end of the connection.
    forwarded
        Lines of `X-Forwarded-For` in their order; together they are one list (RFC 9110 section
        5.3), and each hop appended who spoke to it. Only what a trusted hop appended is read.
    trusted
        Networks of our own proxies. With none, nobody's word is taken.
    """
    address = _parsed(peer)
    if not trusted:
        return peer if address is None else _text(address)
    hops = ",".join(forwarded).split(",")
    while hops and address is not None and _is_trusted(address, trusted):
        beyond = _parsed(hops.pop().strip())
        if beyond is None:  # a hop that names nobody: it is the last we know
            break
        address = beyond
    return peer if address is None else _text(address)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Address | None:
    """An address in its one spelling: IPv4 inside IPv6 is IPv4, and a zone is nothing remote."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=4096)
def _text(address: _Address) -> str:
    return str(address)


def _is_trusted(address: _Address, trusted: Collection[Network]) -> bool:
    return any(address in network for network in trusted)
