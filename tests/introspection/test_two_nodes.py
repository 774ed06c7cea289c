"""Linearizability (P1) over HTTP: two api processes, a crowd of questions, revokes in between.

Every question that began after a revoke was acknowledged must be answered inactive, whichever node
acknowledged it and whichever is asked; before it, both answers are right.
"""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.api.caller import Caller
from tests.api.process import ApiProcess
from tests.api.rows import PlatformRow, TraderRow, add_grant, add_platform, add_trader
from tests.db.chain import chain_of, faults
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKERS = 24
GRANTS = 12
NODES = 2


@pytest.fixture(scope="module")
def nodes(module_database: FreshDatabase) -> Iterator[list[ApiProcess]]:
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        places = [Path(folder) / str(number) for number in range(NODES)]
        for place in places:
            place.mkdir()
        running = [ApiProcess(module_database, place, deadline_seconds=30) for place in places]
        yield running
        for one in running:
            assert one.stop() == 0, one.log()


@pytest_asyncio.fixture(loop_scope="module")
async def callers(nodes: list[ApiProcess]) -> AsyncIterator[list[Caller]]:
    limits = httpx.Limits(max_connections=None)
    async with AsyncExitStack() as stack:
        yield [
            Caller(
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=node.url, timeout=30, trust_env=False, limits=limits)
                )
            )
            for node in nodes
        ]


@pytest_asyncio.fixture(loop_scope="module")
async def rows(module_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


class History:
    """When each grant's revoke began and was acknowledged, on the test's one clock."""

    def __init__(self) -> None:
        self.began: dict[int, float] = {}
        self.acknowledged: dict[int, float] = {}
        self.late_yes: list[int] = []
        self.early_no: list[int] = []
        self.asked = 0

    def judge(self, grant: int, asked_at: float, answered_at: float, *, active: bool) -> None:
        """Hold one answer against the revoke of its grant."""
        self.asked += 1
        if active and asked_at > self.acknowledged.get(grant, float("inf")):
            self.late_yes.append(grant)
        if not active and answered_at < self.began.get(grant, float("inf")):
            self.early_no.append(grant)


async def test_no_question_that_began_after_an_acknowledged_revoke_is_answered_active(
    callers: list[Caller], rows: asyncpg.Connection
) -> None:
    platform = await add_platform(rows)
    trader = await add_trader(rows, platform)
    ids = trader.trader_id, trader.root_id, trader.credential_id
    grants = [await add_grant(rows, *ids) for _ in range(GRANTS)]
    history, loop, dice = History(), asyncio.get_running_loop(), random.Random(7)  # noqa: S311 - only an order of events
    over = asyncio.Event()

    async def ask() -> None:
        while not over.is_set():
            grant, asked_at = dice.randrange(GRANTS), loop.time()
            response = await dice.choice(callers).form(
                "/oauth/introspect", {"token": grants[grant].token.reveal()}, client=platform.token
            )
            assert response.status_code == 200
            history.judge(grant, asked_at, loop.time(), active=response.json()["active"])

    async def revoke(grant: int) -> None:
        history.began[grant] = loop.time()
        answer = await _revoke(dice.choice(callers), trader, platform, grants[grant], grant)
        assert answer.status_code == 200
        history.acknowledged[grant] = loop.time()

    askers = [asyncio.create_task(ask()) for _ in range(ASKERS)]
    for grant in range(GRANTS):
        await asyncio.sleep(dice.uniform(0.01, 0.1))
        await revoke(grant)
    await asyncio.sleep(0.2)
    over.set()
    await asyncio.gather(*askers)
    assert history.asked > GRANTS * ASKERS
    assert (history.late_yes, history.early_no) == ([], [])


async def _revoke(
    caller: Caller, trader: TraderRow, platform: PlatformRow, grant: object, number: int
) -> httpx.Response:
    """By the trader's phone, and every other time by the platform."""
    presented = grant.token  # type: ignore[attr-defined]
    if number % 2:
        form = {"token": presented.reveal()}
        return await caller.form("/oauth/revoke", form, client=platform.token)
    return await caller.call("DELETE", f"/v1/tokens/{presented.token_id}", by=trader.device)


async def test_the_log_of_both_nodes_is_whole_and_has_every_answer(
    callers: list[Caller], rows: asyncpg.Connection
) -> None:
    platform = await add_platform(rows)
    traders = [await add_trader(rows, platform) for _ in range(3)]
    asked = [
        (caller, trader.grant.token.reveal())
        for caller in callers
        for trader in traders
        for _ in range(40)
    ]
    for start in range(0, len(asked), ASKERS):
        answers = await asyncio.gather(
            *(
                caller.form("/oauth/introspect", {"token": text}, client=platform.token)
                for caller, text in asked[start : start + ASKERS]
            )
        )
        assert all(answer.json()["active"] for answer in answers)
    for trader in traders:
        chains = await rows.fetch(
            "SELECT chain, position FROM access_log_head WHERE trader_id = $1", trader.trader_id
        )
        assert [row["position"] for row in chains] == [40] * NODES
    for trader_id, chain in await rows.fetch("SELECT trader_id, chain FROM access_log_head"):
        assert faults(*await chain_of(rows, trader_id, chain)) == []
