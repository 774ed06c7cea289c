"""No sequence of asking, narrowing, changing addresses and rotating gives a child more (P5).

Grown by Hypothesis, carried out by the real signer and database, judged by a model of sets and
numbers that knows nothing of how they do it. The HSM is asked at each step, so the trees are few
and the steps many.
"""

import asyncio
import ipaddress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import DomainError
from app.guardrails.errors import RungForbids
from app.tokens import nodes as token_nodes
from app.tokens.models import Level
from tests.signing.parts import Signer
from tests.signing.test_blocked_revoke import outcome_behind_a_revoke
from tests.signing.trader import Trader
from tests.signing.tree import (
    grant_under,
    limits_in_row,
    narrow,
    request_under,
    requests_of,
    usdt,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

amounts = st.integers(1, 60).map(lambda hundreds: str(hundreds * 100))
markets = st.sampled_from([["BTCUSDT"], ["ETHUSDT"], ["BTCUSDT", "ETHUSDT"], ["SOLUSDT"]])
lists = st.sampled_from(
    [[], ["192.0.2.0/24"], ["192.0.2.0/25"], ["192.0.2.7/32"], ["198.51.100.0/24"]]
)
scopes = st.sampled_from([["order", "read"], ["read"], ["order"]])
limits = st.fixed_dictionaries(
    {},
    optional={
        "allocation": amounts,
        "max_order": amounts,
        "free_limit": amounts,
        "markets": markets,
        "ip_networks": lists,
        "scope": scopes,
    },
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "narrow", "narrow", "addresses", "rotate", "late"]),
        st.integers(0, 9),
        limits,
    ),
    min_size=4,
    max_size=9,
)

AMOUNTS = ("allocation", "max_order", "free_limit")


def asked(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: usdt(v) if name in AMOUNTS else v for name, v in wanted.items()}


def signed(wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"amount": v, "quote": "USDT"} if name in AMOUNTS else v for name, v in wanted.items()
    }


async def version_of(trader: Trader, node: UUID) -> int:
    found: int = await trader.signer.admin.fetchval(
        "SELECT version FROM token WHERE trader_id = $1 AND token_id = $2", trader.trader_id, node
    )
    return found


async def take(trader: Trader, kind: str, node: UUID, wanted: dict[str, Any]) -> UUID | None:
    """One step; a refusal is as good as a success. Returns a grant that came to be."""
    try:
        match kind:
            case "ask":
                return (await grant_under(trader, node, **asked(wanted))).grant_id
            case "narrow":
                await narrow(trader, node, await version_of(trader, node), **signed(wanted))
            case "rotate":
                await requests_of(trader).rotate(trader.trader_id, node, trader.origin)
            case "addresses":
                approval = await requests_of(trader).ip_change(
                    trader.trader_id, node, wanted.get("ip_networks", []), trader.origin
                )
                await trader.approve_and_seal(approval)
            case "late":  # asked for and approved, then the parent is narrowed, then sealed
                requested, child = await request_under(trader, node, **asked(wanted))
                await trader.approve(requested.approval_id)
                await take(trader, "narrow", node, {"max_order": "100", "markets": ["BTCUSDT"]})
                await trader.signer.ask(trader.seal_request(requested.approval_id))
                return child.grant_id
            case _:
                raise AssertionError(kind)
    except DomainError:
        pass
    return None


async def check_newborn(trader: Trader, child: UUID, parent: UUID) -> None:
    """At birth, each field by itself: within the parent's, as both stand in their rows."""
    own, above = await limits_in_row(trader, child), await limits_in_row(trader, parent)
    assert set(own.markets) <= set(above.markets)
    assert set(own.scope) <= set(above.scope)
    for name in AMOUNTS:
        assert Decimal(getattr(own, name).amount) <= Decimal(getattr(above, name).amount), name
    assert own.expires_at <= above.expires_at
    for text in own.ip_networks if above.ip_networks else ():
        inner = ipaddress.IPv4Network(text)
        assert any(inner.subnet_of(ipaddress.IPv4Network(o)) for o in above.ip_networks)
    assert own.ip_networks or not above.ip_networks


async def grow(signer: Signer, trader: Trader, taken: list[tuple[str, int, dict[str, Any]]]) -> int:
    top = (await trader.grant()).grant_id
    grants, before, born = [top], {top: await limits_in_row(trader, top)}, 0
    for kind, pick, wanted in taken:
        node = grants[pick % len(grants)]
        made = await take(trader, kind, node, wanted)
        if made is not None:
            born += 1
            await check_newborn(trader, made, node)
            grants.append(made)
        for grant in grants:  # nothing but addresses ever grows
            now = await limits_in_row(trader, grant)
            then = before.get(grant, now)
            assert set(now.markets) <= set(then.markets)
            assert all(
                Decimal(getattr(now, n).amount) <= Decimal(getattr(then, n).amount) for n in AMOUNTS
            )
            assert now.expires_at <= then.expires_at
            before[grant] = now
    rows = await signer.admin.fetch(
        "SELECT g.limits, g.version, t.version AS node_version, t.scope FROM bot_grant g"
        " JOIN token t ON t.trader_id = g.trader_id AND t.token_id = g.grant_id"
        " WHERE g.trader_id = $1",
        trader.trader_id,
    )
    assert all(row["version"] == row["node_version"] for row in rows)
    return born


async def test_no_sequence_gives_a_child_more_than_its_parent(
    signer: Signer, trader: Trader
) -> None:
    await trader.ready()
    loop = asyncio.get_running_loop()
    born = []

    @settings(
        max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(steps)
    def explore(taken: list[tuple[str, int, dict[str, Any]]]) -> None:
        work = grow(signer, trader, taken)
        born.append(asyncio.run_coroutine_threadsafe(work, loop).result())

    await asyncio.to_thread(explore)
    assert sum(born) >= 5, "the steps must reach something"


async def test_no_grant_of_a_fenced_branch_gains_a_child_a_secret_or_an_address(
    signer: Signer, trader: Trader
) -> None:
    bot = await trader.ready()
    child = await grant_under(trader, bot.grant_id)
    asked = trader.trader_id, child.grant_id, ["192.0.2.1"], trader.origin
    approval = await requests_of(trader).ip_change(*asked)
    await signer.as_owner(
        ("INSERT INTO fence VALUES ($1, $2, 'monitor', $3, 'test', now(), 1)",
         trader.trader_id, bot.grant_id, int(Level.REDUCE_ONLY))
    )  # fmt: skip
    for kind in ("ask", "rotate", "late"):
        assert await take(trader, kind, child.grant_id, {}) is None
    with pytest.raises(RungForbids):  # nobody is asked to widen what is contained
        await requests_of(trader).ip_change(*asked)
    await trader.approve(approval)
    refused = await signer.refusal(trader.seal_request(approval))
    assert refused == "containment_forbids:reduce_only"
    async with signer.api.session() as tx:
        page = await token_nodes.tree_page(
            tx, trader.trader_id, after=UUID(int=0), limit=100, under=child.grant_id,
            kinds=["grant"],
        )  # fmt: skip
    assert [node.token_id for node, _ in page] == [child.grant_id]
    sealed = await narrow(trader, child.grant_id, scope=["read"])  # tightening is always easy
    assert sealed.version == 2


async def test_no_secret_changes_behind_a_revoke(trader: Trader) -> None:
    bot = await trader.ready()
    outcome = await outcome_behind_a_revoke(
        trader, trader.root_id,
        lambda: requests_of(trader).rotate(trader.trader_id, bot.grant_id, trader.origin),
        level=Level.REVOKED,
    )  # fmt: skip
    assert isinstance(outcome, DomainError)
    assert outcome.code == "parent_not_active"
    left = await trader.signer.admin.fetchval(
        "SELECT count(*) FROM token_rotation WHERE trader_id = $1", trader.trader_id
    )
    assert left == 0


async def test_secrets_stand_in_no_row_and_no_entry(signer: Signer, trader: Trader) -> None:
    bot = await trader.ready()
    rotated = await requests_of(trader).rotate(trader.trader_id, bot.grant_id, trader.origin)
    secret = rotated.bearer.secret.reveal()
    text = rotated.bearer.reveal().encode()
    for (table,) in await signer.admin.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    ):
        for row in await signer.admin.fetch(f'SELECT t::text AS row FROM "{table}" t'):
            told = row["row"].encode()
            assert text not in told, table
            assert secret.hex().encode() not in told, table
