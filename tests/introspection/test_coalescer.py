"""Joined questions: each answered for itself, logged on an unbroken chain, refused alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.accesslog import log
from app.accesslog.errors import LogUnavailable
from app.core import token
from app.core.ids import new_id
from app.core.origin import Origin
from app.core.token import Token, TokenKind
from app.db.errors import DatabaseUnavailable
from app.db.pool import Database, Tx
from app.introspection.coalescer import MAX_BATCH, Coalescer
from app.introspection.models import Question
from tests.api.rows import PlatformRow, TraderRow, add_client_token, add_platform, add_trader, fence
from tests.db.chain import chain_of, faults

SYSTEM = UUID(int=0)
POISON = "poison"


def question(
    caller: Token, about: Token | None, agent: str | None = "agent", address: str | None = "::1"
) -> Question:
    return Question(
        caller=caller,
        about=about,
        origin=Origin(actor="anyone", address=address, user_agent=agent),
    )


class Counting(Database):
    """Counts what is sent; `failing` loses the answer of a commit, as a lost connection would."""

    calls = 0
    failing = False
    began = asyncio.Event()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Tx]:
        self.calls += 1
        self.began.set()
        async with super().session() as tx:
            yield tx
        if self.failing:
            raise DatabaseUnavailable


@pytest.fixture
async def counting(db: Database) -> Counting:
    return Counting(db._lending)


async def chains_are_whole(rows: asyncpg.Connection) -> int:
    """Check every chain there is from the columns, in Python; how many there are."""
    heads = await rows.fetch("SELECT trader_id, chain FROM access_log_head")
    for trader_id, chain in heads:
        assert faults(*await chain_of(rows, trader_id, chain)) == []
    return len(heads)


async def test_what_comes_alone_goes_at_once_and_what_waits_goes_together(
    counting: Counting, trader: TraderRow, platform: PlatformRow
) -> None:
    coalescer = Coalescer(counting)
    await coalescer.ask(question(platform.token, trader.grant.token))
    assert counting.calls == 1
    first = asyncio.create_task(coalescer.ask(question(platform.token, trader.grant.token)))
    counting.began.clear()
    await counting.began.wait()
    crowd = [question(platform.token, party.token) for party in trader.parties * 20]
    found = await asyncio.gather(first, *map(coalescer.ask, crowd))
    assert counting.calls == 3
    assert [one.kind for one in found[1:]] == ["device", "session", "grant"] * 20


async def test_a_batch_is_bounded(
    counting: Counting, trader: TraderRow, platform: PlatformRow
) -> None:
    coalescer = Coalescer(counting)
    one = question(platform.token, trader.grant.token)
    await asyncio.gather(*(coalescer.ask(one) for _ in range(MAX_BATCH + 1)))
    assert counting.calls == 2


async def test_each_of_a_batch_is_answered_for_its_own_caller_and_told_on_its_own_chain(
    db: Database, rows: asyncpg.Connection, trader: TraderRow, platform: PlatformRow
) -> None:
    other = await add_platform(rows)
    theirs = await add_trader(rows, other)
    disabled = await add_platform(rows)
    await rows.execute(
        "UPDATE platform SET disabled_at = now() WHERE platform_id = $1", disabled.platform_id
    )
    expired = token.mint(TokenKind.CLIENT, platform.platform_id, new_id())
    await add_client_token(rows, expired, datetime.now(UTC) - timedelta(seconds=1))
    invented = token.mint(TokenKind.CLIENT, platform.platform_id, platform.token.token_id)
    grant, foreign = trader.grant.token, theirs.grant.token
    # The same trader's ids with another's secret, and the same token id under another trader.
    crossed = Token(TokenKind.GRANT, theirs.trader_id, grant.token_id, grant.secret)
    forged = token.mint(TokenKind.GRANT, grant.trader_id, grant.token_id)
    asked = {
        (platform.token, forged): (True, None, SYSTEM, "inactive"),
        (platform.token, grant): (True, "grant", trader.trader_id, "active"),
        (other.token, foreign): (True, "grant", theirs.trader_id, "active"),
        (platform.token, foreign): (True, None, SYSTEM, "inactive"),
        (other.token, grant): (True, None, SYSTEM, "inactive"),
        (platform.token, crossed): (True, None, SYSTEM, "inactive"),
        (other.token, crossed): (True, None, SYSTEM, "inactive"),
        (platform.token, None): (True, None, SYSTEM, "inactive"),
        (disabled.token, grant): (False, None, SYSTEM, "client_rejected"),
        (expired, grant): (False, None, SYSTEM, "client_rejected"),
        (invented, grant): (False, None, SYSTEM, "client_rejected"),
    }
    mark = str(new_id())
    coalescer = Coalescer(db)
    pairs = list(asked) * 3
    found = await asyncio.gather(
        *(coalescer.ask(question(caller, about, mark)) for caller, about in pairs)
    )
    for pair, one in zip(pairs, found, strict=True):
        assert (one.is_known, one.kind) == asked[pair][:2], pair
    told = await rows.fetch("SELECT trader_id, rule FROM access_log WHERE user_agent = $1", mark)
    expected = sorted(asked[pair][2:] for pair in pairs)
    assert sorted((entry["trader_id"], entry["rule"]) for entry in told) == expected


@pytest.mark.parametrize("agent", [None, "", "agent", "\N{CHECK MARK} \N{SKULL}" * 40])
@pytest.mark.parametrize("address", [None, "2001:db8::1"])
async def test_an_entry_is_hashed_as_every_other_entry_is(
    agent: str | None,
    address: str | None,
    db: Database,
    rows: asyncpg.Connection,
    trader: TraderRow,
    platform: PlatformRow,
) -> None:
    coalescer = Coalescer(db)
    unknown = token.mint(TokenKind.CLIENT, new_id(), new_id())
    abouts = (trader.grant.token, None, token.mint(TokenKind.GRANT, new_id(), new_id()))
    await asyncio.gather(
        *(
            coalescer.ask(question(caller, about, agent, address))
            for caller in (platform.token, unknown)
            for about in abouts * 2
        )
    )
    assert await chains_are_whole(rows) >= 2
    differing = "SELECT count(*) FROM access_log l WHERE content_hash <> log_content_hash(l)"
    assert await rows.fetchval(differing) == 0


async def test_two_writers_at_once_have_chains_of_their_own(
    db: Database, rows: asyncpg.Connection, trader: TraderRow, platform: PlatformRow
) -> None:
    writers = [Coalescer(db), Coalescer(db)]
    one = question(platform.token, trader.device.token)
    await asyncio.gather(*(writer.ask(one) for writer in writers for _ in range(300)))
    chains = await rows.fetch(
        "SELECT position FROM access_log_head WHERE trader_id = $1", trader.trader_id
    )
    assert [row["position"] for row in chains] == [300, 300]
    await chains_are_whole(rows)


@pytest.fixture
async def poisoned(rows: asyncpg.Connection) -> AsyncIterator[None]:
    """The log refuses entries of one user agent."""
    await rows.execute(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no'; END$$;"
        f" CREATE TRIGGER poison BEFORE INSERT ON access_log FOR EACH ROW"
        f" WHEN (NEW.user_agent = '{POISON}') EXECUTE FUNCTION poison()"
    )
    yield
    await rows.execute("DROP FUNCTION poison CASCADE")


@pytest.mark.usefixtures("poisoned")
async def test_one_poisonous_question_fails_alone(
    counting: Counting, rows: asyncpg.Connection, trader: TraderRow, platform: PlatformRow
) -> None:
    coalescer = Coalescer(counting)
    agents = ["good"] * 40 + [POISON] + ["good"] * 23
    asked = [question(platform.token, trader.grant.token, agent) for agent in agents]
    found = await asyncio.gather(*map(coalescer.ask, asked), return_exceptions=True)
    refused = [type(one) for one in found if isinstance(one, BaseException)]
    assert refused == [LogUnavailable]
    assert isinstance(found[40], LogUnavailable)
    assert counting.calls <= 13  # halves, not one by one
    await chains_are_whole(rows)
    told = "SELECT count(*) FROM access_log WHERE trader_id = $1 AND user_agent = 'good'"
    assert await rows.fetchval(told, trader.trader_id) == 63


async def test_what_cannot_be_logged_in_time_is_refused_and_so_is_what_waits_behind_it(
    counting: Counting,
    rows: asyncpg.Connection,
    trader: TraderRow,
    platform: PlatformRow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "DURABLE_SECONDS", 0.5)
    coalescer = Coalescer(counting)
    one = question(platform.token, trader.grant.token)
    loop = asyncio.get_running_loop()
    async with rows.transaction():
        await rows.execute("LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE")
        began = loop.time()
        first = asyncio.create_task(coalescer.ask(one))
        await asyncio.sleep(0.3)
        others = await asyncio.gather(
            *(coalescer.ask(one) for _ in range(5)), first, return_exceptions=True
        )
        took = loop.time() - began
    assert {type(other) for other in others} == {LogUnavailable}
    assert took < 0.3 + 0.5 + 1.0  # slack for a busy machine
    monkeypatch.undo()
    assert (await coalescer.ask(one)).kind == "grant"
    await chains_are_whole(rows)
    await coalescer.stop()


async def test_after_a_commit_of_unknown_outcome_nobody_is_answered_and_a_new_chain_begins(
    counting: Counting, rows: asyncpg.Connection, trader: TraderRow, platform: PlatformRow
) -> None:
    coalescer = Coalescer(counting)
    one = question(platform.token, trader.grant.token)
    await coalescer.ask(one)
    counting.failing = True
    with pytest.raises(LogUnavailable):
        await coalescer.ask(one)
    counting.failing = False
    await coalescer.ask(one)
    lengths = await rows.fetch(
        "SELECT position FROM access_log_head WHERE trader_id = $1 ORDER BY position",
        trader.trader_id,
    )
    assert [row["position"] for row in lengths] == [1, 2]
    await chains_are_whole(rows)


async def test_who_gives_up_does_not_disturb_the_others(
    db: Database, trader: TraderRow, platform: PlatformRow
) -> None:
    coalescer = Coalescer(db)
    one = question(platform.token, trader.grant.token)
    tasks = [asyncio.create_task(coalescer.ask(one)) for _ in range(9)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    tasks[8].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in results].count(True) == 2


async def test_a_stop_ends_whoever_waits_without_an_answer(
    db: Database, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    coalescer = Coalescer(db)
    async with rows.transaction():
        await rows.execute("LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE")
        one = question(platform.token, trader.grant.token)
        tasks = [asyncio.create_task(coalescer.ask(one)) for _ in range(3)]
        await asyncio.sleep(0.1)
        tasks += [asyncio.create_task(coalescer.ask(one)) for _ in range(3)]
        await asyncio.sleep(0)
        await coalescer.stop()
        done, waiting = await asyncio.wait(tasks, timeout=5)
    assert not waiting
    assert all(task.cancelled() or task.exception() is not None for task in done)


@pytest.mark.parametrize("level", range(6))
async def test_the_rung_is_the_worst_on_the_path(
    level: int, db: Database, rows: asyncpg.Connection, trader: TraderRow, platform: PlatformRow
) -> None:
    if level:
        await fence(rows, trader.trader_id, trader.credential_id, level)
        await fence(rows, trader.trader_id, trader.grant.token.token_id, 1)
    found = await Coalescer(db).ask(question(platform.token, trader.grant.token))
    assert (found.kind, found.level) == (("grant", level) if level < 4 else (None, None))
