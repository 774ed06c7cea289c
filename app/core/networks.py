"""Address lists: which networks a token may be used from. Pure.

A list is canonical CIDR texts, sorted; the empty list is "from anywhere". An address has one
spelling: IPv4 inside IPv6 is IPv4, and a zone, a leading zero or a host bit is refused.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from app.core.errors import Malformed

MAX_NETWORKS = 32
FIELD = "ip_networks"
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(texts: Iterable[str]) -> list[str]:
    """Canonical texts of networks or single addresses.

    Raises
    ------
    Malformed
        With the rule `ip_networks`: not a CIDR block in plain spelling, or more than 32 of them.
    """
    networks = {str(_network(text)) for text in texts}
    if len(networks) > MAX_NETWORKS:
        raise Malformed(rule=FIELD)
    return sorted(networks)


def is_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether each network of `inner` lies in one of `outer`; as SQL's `networks_within`."""
    if not outer:
        return True
    wide = [ipaddress.ip_network(text) for text in outer]
    return bool(inner) and all(
        any(_lies_in(ipaddress.ip_network(text), one) for one in wide) for text in inner
    )


def in_force(lists: Iterable[Sequence[str]]) -> list[str] | None:
    """What all lists of a path allow together: None for anywhere, [] for nowhere."""
    result: list[str] | None = None
    for texts in lists:
        if not texts:
            continue
        result = list(texts) if result is None else _both(result, texts)
    return result


def allows(lists: Iterable[Sequence[str]], address: str | None) -> bool:
    """Whether every list has the address. One that is no address is in none."""
    named = [texts for texts in lists if texts]
    if not named:
        return True
    try:
        client = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(client, ipaddress.IPv6Address):
        if client.scope_id is not None:
            return False
        client = client.ipv4_mapped or client
    return all(any(client in ipaddress.ip_network(text) for text in texts) for texts in named)


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        raise Malformed(rule=FIELD) from None
    if text.partition("/")[2] not in {"", str(network.prefixlen)}:
        raise Malformed(rule=FIELD)  # a netmask, or a number with a leading zero
    if isinstance(network, ipaddress.IPv6Network):
        if network.network_address.scope_id is not None:
            raise Malformed(rule=FIELD)
        if network.subnet_of(_MAPPED):
            inside = network.network_address.ipv4_mapped
            return ipaddress.IPv4Network((int(inside or 0), network.prefixlen - 96))
    return network


def _both(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Networks are nested or apart, so what two share is the smaller of each nested pair."""
    pairs = [(ipaddress.ip_network(a), ipaddress.ip_network(b)) for a in one for b in other]
    shared = {str(a) for a, b in pairs if _lies_in(a, b)}
    return sorted(shared | {str(b) for a, b in pairs if _lies_in(b, a)})


def _lies_in(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
