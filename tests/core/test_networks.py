"""Address lists: one spelling, narrower is narrower, and nobody slips through."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Malformed
from app.core.networks import allows, in_force, is_within, parse_networks

SPELLED = {
    "a network": ("203.0.113.0/24", "203.0.113.0/24"),
    "a single address": ("203.0.113.7", "203.0.113.7/32"),
    "IPv6": ("2001:DB8:0::/48", "2001:db8::/48"),
    "IPv4 inside IPv6": ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
    "one IPv4 inside IPv6": ("::ffff:203.0.113.7", "203.0.113.7/32"),
}
REFUSED = (
    "", "/", "0", "203.0.113.7/24", "203.0.113.0/33", "203.0.113.0/-1", "203.0.113.0/24/8",
    "203.0.113.0/024", "203.0.113.0/255.255.255.0", "203.0.113.0/0.0.0.255", "010.0.0.0/8",
    "0x0a000001", "167772161", "10.1", "10.0.0.1%eth0", "fe80::1%eth0", "fe80::/10%1",
    "[2001:db8::1]", "localhost", "*", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0 /8", "10.0.0.0/ 8",
    "10.0.0.0/8\n", "10.0.0.0/+8", "\u0661\u0660.0.0.0/8", "10.0.0.0/\u0668", "2001:db8::/129",
    "::ffff:10.1/104",
)  # fmt: skip


@pytest.mark.parametrize(("text", "canonical"), SPELLED.values(), ids=SPELLED.keys())
def test_a_network_has_one_spelling(text: str, canonical: str) -> None:
    assert parse_networks([text]) == [canonical]
    assert parse_networks([canonical]) == [canonical]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_a_plain_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_networks([text])
    assert refused.value.rule == "ip_networks"


def test_a_list_is_bounded_and_without_repetition() -> None:
    many = [f"10.0.{i}.0/24" for i in range(33)]
    assert len(parse_networks(many[:32])) == 32
    with pytest.raises(Malformed):
        parse_networks(many)
    assert parse_networks(["::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1/32"]) == ["10.0.0.1/32"]


def test_no_list_is_anywhere_and_never_within_one() -> None:
    assert is_within([], [])
    assert is_within(["10.0.0.0/8"], [])
    assert not is_within([], ["10.0.0.0/8"])
    assert in_force([[], []]) is None
    assert in_force([["10.0.0.0/8"], [], ["192.0.2.0/24"]]) == []


@pytest.mark.parametrize(
    "address", [None, "", "unix", "10.0.0.1:80", "[::1]", "010.0.0.1", "10.0.0.1%0", "fe80::a%1"]
)
def test_what_is_no_address_is_in_no_list(address: str | None) -> None:
    assert not allows([["0.0.0.0/0", "::/0"]], address)
    assert allows([[], []], address)


def test_ipv4_inside_ipv6_is_ipv4() -> None:
    assert allows([["10.0.0.0/8"]], "::ffff:10.1.2.3")
    assert not allows([["::/0"]], "::ffff:10.1.2.3")


networks_of_ten = st.builds(
    lambda host, prefix: str(ipaddress.ip_network((host, prefix), strict=False)),
    st.integers(0x0A000000, 0x0A00FFFF),
    st.integers(16, 32),
)
lists = st.lists(networks_of_ten, max_size=4).map(parse_networks)
addresses = st.integers(0x0A000000, 0x0A00FFFF).map(lambda n: str(ipaddress.ip_address(n)))


@given(lists, lists, addresses)
def test_within_means_that_whoever_passes_the_inner_passes_the_outer(
    inner: list[str], outer: list[str], address: str
) -> None:
    if is_within(inner, outer) and allows([inner], address):
        assert allows([outer], address)


@given(st.lists(lists, max_size=4), addresses)
def test_what_a_path_leaves_is_what_every_list_of_it_has(
    path: list[list[str]], address: str
) -> None:
    left = in_force(path)
    together = left is None or any(
        ipaddress.ip_address(address) in ipaddress.ip_network(text) for text in left
    )
    assert together == allows(path, address)
