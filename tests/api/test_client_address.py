"""Forwarded addresses are hearsay: only what a trusted hop appended counts."""

import ipaddress

import asyncpg
import pytest

from app.api.address import client_address
from tests.api.caller import Caller
from tests.api.conftest import Start
from tests.api.rows import TraderRow
from tests.support.postgres import FreshDatabase

TRUSTED = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "2001:db8::/32")))
HOP, SIX = "10.0.0.1", "2001:db8::1"
CLIENT, LIE = "203.0.113.5", "6.6.6.6"

SEEN = {
    "no header": (HOP, (), HOP),
    "an empty header": (HOP, ("",), HOP),
    "only commas": (HOP, (" , ,",), HOP),
    "one hop": (HOP, (CLIENT,), CLIENT),
    "spaces around": (HOP, (f"  {CLIENT}\t",), CLIENT),
    "what stands to the left is the client's own word": (HOP, (f"{LIE}, {CLIENT}",), CLIENT),
    "two hops": (HOP, (f"{CLIENT}, 10.0.0.2",), CLIENT),
    "three hops and a lie": (HOP, (f"{LIE}, {CLIENT}, 10.0.0.2, 10.0.0.3",), CLIENT),
    "only hops": (HOP, ("10.0.0.9, 10.0.0.2",), "10.0.0.9"),
    "a hop's own address as a lie behind the client": (HOP, (f"10.0.0.9, {CLIENT}",), CLIENT),
    "two lines are one list": (HOP, (LIE, CLIENT), CLIENT),
    "two lines of hops": (HOP, (f"{LIE}, {CLIENT}", "10.0.0.2"), CLIENT),
    "IPv6 beyond IPv4": (HOP, ("2001:db9::5",), "2001:db9::5"),
    "IPv4 beyond IPv6": (SIX, (CLIENT,), CLIENT),
    "IPv6 in another spelling": (HOP, ("2001:DB9:0:0:0:0:0:5",), "2001:db9::5"),
    "IPv4 inside IPv6": (HOP, (f"::ffff:{CLIENT}",), CLIENT),
    "a hop that is IPv4 inside IPv6": (f"::ffff:{HOP}", (CLIENT,), CLIENT),
    "not an address": (HOP, ("unknown",), HOP),
    "a name": (HOP, (f"{CLIENT}, localhost",), HOP),
    "an address with a port": (HOP, (f"{CLIENT}:4711",), HOP),
    "IPv6 in brackets": (HOP, ("[2001:db9::5]",), HOP),
    "leading zeros": (HOP, ("010.0.0.5",), HOP),
    "a number": (HOP, ("3405803781",), HOP),
    "a network": (HOP, ("203.0.113.0/24",), HOP),
    "a zone": (HOP, ("fe80::1%<script>",), HOP),
    "markup": (HOP, ("<b>",), HOP),
    "very long": (HOP, ("1" * 8000,), HOP),
    "garbage between hops": (HOP, (f"{CLIENT}, x, 10.0.0.2",), "10.0.0.2"),
    "an empty place between hops": (HOP, (f"{CLIENT},, 10.0.0.2",), "10.0.0.2"),
}


@pytest.mark.parametrize(("peer", "lines", "expected"), SEEN.values(), ids=SEEN.keys())
def test_beyond_a_trusted_hop_stands_who_spoke_to_it(
    peer: str, lines: tuple[str, ...], expected: str
) -> None:
    assert client_address(peer, lines, TRUSTED) == expected


@pytest.mark.parametrize("peer", ["198.51.100.7", "2001:dba::7", "127.0.0.1", "11.0.0.1"])
@pytest.mark.parametrize("lines", [(), (CLIENT,), (HOP,), (LIE, HOP), ("x",)])
def test_the_word_of_a_peer_that_is_no_hop_of_ours_is_not_taken(
    peer: str, lines: tuple[str, ...]
) -> None:
    assert client_address(peer, lines, TRUSTED) == peer


@pytest.mark.parametrize("lines", [(), (CLIENT,), (HOP, LIE)])
def test_without_trusted_hops_nobodys_word_is_taken(lines: tuple[str, ...]) -> None:
    assert client_address(HOP, lines, ()) == HOP


def test_a_peer_without_an_address_is_named_as_it_is() -> None:
    assert client_address("unix", (CLIENT,), TRUSTED) == "unix"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("hops", "expected"), [(TRUSTED, CLIENT), ((), HOP)], ids=["trusted", "untrusted"]
)
async def test_the_log_and_the_phone_are_told_the_address_behind_our_own_hops_only(
    hops: tuple[ipaddress.IPv4Network, ...],
    expected: str,
    start: Start,
    module_database: FreshDatabase,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    lines = [
        ("X-Forwarded-For", LIE),
        ("X-Forwarded-For", CLIENT),
        ("Forwarded", f"for={LIE}"),
        ("X-Real-IP", LIE),
        ("CF-Connecting-IP", LIE),
    ]
    async with start(module_database, peer=HOP, trusted_hops=hops) as caller:
        await sign_in(caller, trader, lines)
    stored = await rows.fetchrow(
        "SELECT s.address, convert_from(a.action, 'UTF8')::jsonb ->> 'address' AS shown, l.address"
        " AS logged FROM session s JOIN approval a USING (trader_id, approval_id)"
        " JOIN access_log l ON l.subject_id = s.session_id WHERE s.trader_id = $1",
        trader.trader_id,
    )
    assert (stored["address"], stored["shown"], stored["logged"]) == (expected,) * 3


async def sign_in(caller: Caller, trader: TraderRow, lines: list[tuple[str, str]]) -> None:
    key = trader.session.key
    proof = key.dpop_proof("POST", f"{caller.origin}/v1/sessions")
    body = {"trader_id": str(trader.trader_id), "public_jwk": key.public_jwk}
    headers = [("DPoP", proof), *lines]
    response = await caller.call("POST", "/v1/sessions", headers=headers, body=body)
    assert response.status_code == 201
