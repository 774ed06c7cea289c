"""A token with an address list, and everything a header can say (D22): no way around it."""

import ipaddress
from typing import Any

import asyncpg
import pytest

from tests.api.caller import Caller, Party, refused
from tests.api.conftest import Start
from tests.api.rows import TraderRow, add_platform_token
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOPS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "2001:db8::/32")))
HOP, ALLOWED, OUTSIDE = "10.0.0.1", "203.0.113.5", "6.6.6.6"
LIST = ["203.0.113.0/24", "2001:db9::/48"]

SPELLINGS = (
    ALLOWED, f"::ffff:{ALLOWED}", f"[{ALLOWED}]", f"{ALLOWED}:443", f"{ALLOWED}%eth0",
    f'"{ALLOWED}"',
    f"{ALLOWED}/32", "0313.0.113.5", "0xcb007105", "3405803781", "203.0.28933", "203.0.113.05",
    "2001:db9::1", "2001:db9::1%1", "[2001:db9::1]:443", f"for={ALLOWED}", f"{ALLOWED} ",
    f"\t{ALLOWED}",
    f"{ALLOWED};", f"{ALLOWED}\x00", "localhost", "unknown", "_hidden", "", ",", ", ,",
)  # fmt: skip
"""How a liar may spell an address that is on the list."""

NAMES = (
    "Forwarded", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP",
    "CF-Connecting-IP", "Fastly-Client-IP", "X-Originating-IP", "X-Remote-IP", "X-Remote-Addr",
    "X-Forwarded", "X-Forwarded-Host", "Forwarded-For", "Via", "Client-IP", "X-User-IP",
    "X_Forwarded_For",
    "X-Envoy-External-Address", "X-Azure-ClientIP", "X-ProxyUser-Ip",
)  # fmt: skip

Tricks = dict[str, tuple[str, list[tuple[str, str]]]]


def tricks() -> Tricks:
    """Name -> (the real peer, the headers a client outside the list sends)."""
    made: Tricks = {}
    for text in SPELLINGS:
        # Straight from outside: nobody's word is taken.
        made[f"direct {text!r}"] = (OUTSIDE, [("X-Forwarded-For", text)])
        # Through our hop, which appended the truth behind the lie.
        made[f"left of the truth {text!r}"] = (HOP, [("X-Forwarded-For", f"{text}, {OUTSIDE}")])
        made[f"a line before {text!r}"] = (
            HOP, [("X-Forwarded-For", text), ("X-Forwarded-For", OUTSIDE)],
        )  # fmt: skip
    for name in NAMES:
        truth = [("X-Forwarded-For", OUTSIDE)]
        said = f"for={ALLOWED}" if name == "Forwarded" else ALLOWED
        made[f"hop and {name}"] = (HOP, [*truth, (name, said)])
        made[f"direct {name}"] = (OUTSIDE, [(name, said)])
    made |= {
        "a hop's address as cover": (HOP, [("X-Forwarded-For", f"{ALLOWED}, 10.0.0.9, {OUTSIDE}")]),
        "an IPv6 hop as peer": ("2001:db8::1", [("X-Forwarded-For", f"{ALLOWED}, {OUTSIDE}")]),
        "IPv4 inside IPv6 as peer": (f"::ffff:{OUTSIDE}", [("X-Forwarded-For", ALLOWED)]),
        "no address as peer": ("unix", [("X-Forwarded-For", ALLOWED)]),
        "a zone as peer": ("fe80::1%eth0", [("X-Forwarded-For", ALLOWED)]),
        "only hops": (HOP, [("X-Forwarded-For", "10.0.0.9, 10.0.0.2")]),
        "no header from a hop": (HOP, []),
        "PROXY protocol in a header": (HOP, [("X-Forwarded-For", f"PROXY TCP4 {ALLOWED} 1 2")]),
    }
    return made


async def limit(rows: asyncpg.Connection, token_id: Any, networks: list[str]) -> None:
    await rows.execute(
        "UPDATE token SET networks = $2::text[]::cidr[] WHERE token_id = $1", token_id, networks
    )


def printable(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What can be sent at all: a server drops a request with a NUL in a header."""
    return [(name, value) for name, value in headers if value.isprintable() or "\t" in value]


async def test_there_are_enough_of_them() -> None:
    assert len(tricks()) >= 60


@pytest.mark.parametrize("node", ["grant", "credential", "root"])
async def test_no_header_gets_past_a_list_anywhere_on_the_path(
    node: str,
    start: Start,
    module_database: FreshDatabase,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    places = {
        "grant": trader.grant.token.token_id,
        "credential": trader.credential_id,
        "root": trader.root_id,
    }
    await limit(rows, places[node], LIST)
    let_in = []
    by_peer: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {}
    for name, (peer, headers) in tricks().items():
        by_peer.setdefault(peer, []).append((name, headers))
    for peer, tried in by_peer.items():
        async with start(module_database, peer=peer, trusted_hops=HOPS) as caller:
            for name, headers in tried:
                response = await caller.call(
                    "GET", "/v1/orders", by=trader.grant, headers=printable(headers)
                )
                if response.status_code != 403:
                    let_in.append(name)
                else:
                    refused(response, 403, "address_not_allowed")
    assert let_in == []


async def test_who_is_on_every_list_is_let_in_and_who_is_not_is_in_the_log_with_his_address(
    start: Start, module_database: FreshDatabase, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await limit(rows, trader.root_id, ["203.0.112.0/23", "2001:db9::/32"])
    await limit(rows, trader.grant.token.token_id, LIST)
    async with start(module_database, peer=HOP, trusted_hops=HOPS) as caller:
        for address, status in (
            (ALLOWED, 200),
            (f"::ffff:{ALLOWED}", 200),
            ("2001:db9::5", 200),
            ("203.0.112.5", 403),
            ("2001:db9:1::5", 403),
        ):
            headers = [("X-Forwarded-For", address)]
            response = await caller.call("GET", "/v1/orders", by=trader.grant, headers=headers)
            assert response.status_code == status, address
    logged = await rows.fetch(
        "SELECT DISTINCT address FROM access_log WHERE trader_id = $1 AND rule = 'http_403'",
        trader.trader_id,
    )
    assert {row["address"] for row in logged} == {"203.0.112.5", "2001:db9:1::5"}


async def test_the_cord_works_from_anywhere(
    start: Start, module_database: FreshDatabase, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await limit(rows, trader.root_id, LIST)
    async with start(module_database, peer=OUTSIDE) as caller:
        response = await caller.call("GET", "/v1/tokens", by=trader.device)
        refused(response, 403, "address_not_allowed")
        target = f"/v1/tokens/{trader.credential_id}"
        assert (await caller.call("DELETE", target, by=trader.device)).status_code == 200
        response = await caller.call("POST", "/v1/break-glass", by=trader.device, body={})
        assert response.status_code == 200


async def test_a_platform_tokens_list_is_the_seals_whatever_its_row_says(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    platform_id = await rows.fetchval(
        "SELECT platform_id FROM trader WHERE trader_id = $1", trader.trader_id
    )
    ids = trader.trader_id, trader.root_id, platform_id
    here = await add_platform_token(rows, *ids, ip_networks=["127.0.0.0/8"])
    away = await add_platform_token(rows, *ids, ip_networks=["203.0.113.0/24"])
    assert (await read_tree(caller, here)) == 200
    assert (await read_tree(caller, away)) == 403


async def read_tree(caller: Caller, party: Party) -> int:
    return (await caller.call("GET", "/v1/tokens", by=party)).status_code
