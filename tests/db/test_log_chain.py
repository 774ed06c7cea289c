"""The hash chain: what SQL computes is what the format says, and no edit goes unseen (P6)."""

import asyncio
import itertools
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.accesslog import store
from app.accesslog.log import append_locked
from app.accesslog.models import LOCKED_CHAIN, Entry, Event, StoredEntry
from app.core.ids import new_id
from app.core.origin import Origin
from tests.db.chain import CONTENT, chain_of, content_hash, faults
from tests.db.conftest import Open
from tests.db.rows import FAR, HASH, Tree

FULL = Entry(
    trader_id=UUID(int=1), event=Event.ORDER_RELEASED,
    origin=Origin(
        actor="grant:x", address="2001:db8::1", user_agent="ü € 😀", device_id=UUID(int=9)
    ),
    outcome="failed", token_id=UUID(int=2), path=[UUID(int=3), UUID(int=2)],
    subject_id=UUID(int=4), rule="rule", request_digest=b"r" * 32, answer_digest=b"a" * 32,
    venue_outcome="-2010",
)  # fmt: skip


def entries(trader: UUID) -> list[Entry]:
    """Full, bare, and those in between that a careless encoding would confuse."""
    bare = Entry(trader_id=trader, event=Event.LOG_READ, origin=Origin(actor="a"))
    changes: list[dict[str, Any]] = [
        {}, {"path": []}, {"path": [trader]}, {"rule": ""}, {"venue_outcome": ""},
        {"request_digest": b""}, {"answer_digest": b"\xff" * 4},
        {"rule": "a", "outcome": "refused"},
    ]  # fmt: skip
    fields = {name: getattr(bare, name) for name in bare.__struct_fields__}
    whole = {name: getattr(FULL, name) for name in FULL.__struct_fields__}
    return [
        *(Entry(**fields | change) for change in changes),
        Entry(**whole | {"trader_id": trader}),
    ]


@pytest.fixture
async def chain(open_db: Open, admin: asyncpg.Connection, tree: Tree) -> UUID:
    """A locked chain of several entries; its trader is `tree`'s."""
    db = await open_db("signer")
    for entry in entries(tree.trader_id):
        async with db.locked(tree.trader_id) as tx:
            await append_locked(tx, entry)
    rows, head = await chain_of(admin, tree.trader_id, LOCKED_CHAIN)
    assert len(rows) == 9
    assert faults(rows, head) == []
    return LOCKED_CHAIN


@pytest.mark.usefixtures("chain")
async def test_the_hashes_are_those_of_the_columns(admin: asyncpg.Connection, tree: Tree) -> None:
    rows, _ = await chain_of(admin, tree.trader_id, LOCKED_CHAIN)
    for row in rows:
        by_sql = await admin.fetchval(
            "SELECT log_content_hash(e) FROM access_log e"
            " WHERE trader_id = $1 AND chain = $2 AND position = $3",
            *(tree.trader_id, LOCKED_CHAIN, row["position"]),
        )
        assert by_sql == row["content_hash"] == content_hash(row)
    assert len({row["entry_hash"] for row in rows}) == len(rows)


@pytest.mark.usefixtures("chain")
async def test_every_entry_is_stored_as_it_was_told(open_db: Open, tree: Tree) -> None:
    db = await open_db("api")
    async with db.session() as tx:
        page = await store.page(tx, tree.trader_id, LOCKED_CHAIN, 0, 100)
        rest = await store.page(tx, tree.trader_id, LOCKED_CHAIN, page[3].position, 2)
    assert [row.position for row in rest] == [5, 6]
    for told, stored in zip(entries(tree.trader_id), page, strict=True):
        assert isinstance(stored, StoredEntry)
        for name in set(told.__struct_fields__) - {"origin"}:
            assert getattr(stored, name) == getattr(told, name), name
        for name in told.origin.__struct_fields__:
            assert getattr(stored, name) == getattr(told.origin, name), name


EDITS = {
    "at": "at + interval '1 microsecond'", "event": "event || 'x'", "actor": "actor || 'x'",
    "token_id": "$2", "path": "path || $2::uuid", "subject_id": "$2",
    "outcome": "CASE outcome WHEN 'ok' THEN 'refused' ELSE 'ok' END",
    "rule": "coalesce(rule, '') || 'x'", "request_digest": "sha256('x')",
    "answer_digest": "sha256('x')", "venue_outcome": "coalesce(venue_outcome, '') || 'x'",
    "address": "coalesce(address, '') || 'x'", "user_agent": "coalesce(user_agent, '') || 'x'",
    "device_id": "$2", "previous_hash": "sha256('x')", "content_hash": "sha256('x')",
    "entry_hash": "sha256('x')", "trader_id": "$2", "chain": "$2", "position": "position + 100",
}  # fmt: skip


def test_every_column_has_its_edit() -> None:
    assert set(EDITS) == set(StoredEntry.__struct_fields__)
    assert set(CONTENT) | {"previous_hash", "content_hash", "entry_hash"} == set(EDITS)


class Forger:
    """The owner of the tables, who took the trigger away; all of it is undone afterwards."""

    def __init__(self, db: asyncpg.Connection, trader: UUID) -> None:
        self._db, self._trader = db, trader

    async def faults_after(self, *statements: str) -> list[str]:
        """What a verifier finds after these statements ($1 is the trader, $2 another id)."""
        undo = self._db.transaction()
        await undo.start()
        await self._db.execute("ALTER TABLE access_log DISABLE TRIGGER ALL")
        for statement in statements:
            arguments = [self._trader, new_id()][: 2 if "$2" in statement else 1]
            await self._db.execute(statement, *arguments)
        rows, head = await chain_of(self._db, self._trader, LOCKED_CHAIN)
        await undo.rollback()
        return faults(rows, head)


@pytest.fixture
def forger(admin: asyncpg.Connection, tree: Tree) -> Forger:
    return Forger(admin, tree.trader_id)


@pytest.mark.usefixtures("chain")
async def test_an_edit_of_any_column_is_seen(forger: Forger) -> None:
    for column, position in itertools.product(EDITS, (1, 5, 9)):
        found = await forger.faults_after(
            f"UPDATE access_log SET {column} = {EDITS[column]}"
            f" WHERE trader_id = $1 AND position = {position}"
        )
        assert found, (column, position)


@pytest.mark.usefixtures("chain")
async def test_null_and_empty_are_not_the_same_entry(forger: Forger) -> None:
    for column, empty in (("rule", "''"), ("path", "'{}'"), ("answer_digest", "''")):
        found = await forger.faults_after(
            f"UPDATE access_log SET {column} = {empty} WHERE trader_id = $1 AND position = 1"
        )
        assert found == ["content 1", "entry 1", "link 2"], column


@pytest.mark.usefixtures("chain")
async def test_a_deletion_is_seen_with_and_without_renumbering(forger: Forger) -> None:
    for position in (1, 5, 9):
        delete = f"DELETE FROM access_log WHERE trader_id = $1 AND position = {position}"
        renumber = (
            "UPDATE access_log SET position = position - 1"
            f" WHERE trader_id = $1 AND position > {position}"
        )
        assert await forger.faults_after(delete)
        assert await forger.faults_after(delete, renumber)


@pytest.mark.usefixtures("chain")
async def test_two_entries_that_change_places_are_seen(forger: Forger) -> None:
    moves = [
        f"UPDATE access_log SET position = {after} WHERE trader_id = $1 AND position = {before}"
        for before, after in ((4, 100), (5, 4), (100, 5))
    ]
    assert await forger.faults_after(*moves)


@pytest.mark.usefixtures("chain")
async def test_a_cut_tail_is_seen_by_its_head_and_with_a_forged_head_by_the_last_checkpoint(
    forger: Forger, admin: asyncpg.Connection, tree: Tree
) -> None:
    cut = "DELETE FROM access_log WHERE trader_id = $1 AND position > 7"
    assert await forger.faults_after(cut) == ["head"]
    forged = (
        "UPDATE access_log_head h SET position = 7, head_hash = e.entry_hash FROM access_log e"
        " WHERE h.trader_id = $1 AND e.trader_id = $1 AND e.position = 7 AND e.chain = h.chain"
    )
    # The chain alone cannot tell: this is what checkpoints are for (test_checkpoints).
    assert await forger.faults_after(cut, forged) == []
    _, head = await chain_of(admin, tree.trader_id, LOCKED_CHAIN)
    assert head["position"] == 9


@pytest.mark.usefixtures("chain")
async def test_a_row_that_was_pushed_in_is_seen(forger: Forger) -> None:
    found = await forger.faults_after(
        "INSERT INTO access_log SELECT trader_id, chain, 10, at, event, actor, token_id, path,"
        " subject_id, outcome, rule, request_digest, answer_digest, venue_outcome, address,"
        " user_agent, device_id, entry_hash, content_hash, entry_hash FROM access_log"
        " WHERE trader_id = $1 AND position = 9"
    )
    assert "head" in found
    assert "content 10" in found


class Failed(Exception):
    pass


async def test_an_entry_stands_or_falls_with_its_transaction(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    db = await open_db("signer")

    async def append_and(error: Exception | None) -> None:
        async with db.locked(tree.trader_id) as tx:
            assert await append_locked(tx, entries(tree.trader_id)[0]) == 1
            if error is not None:
                raise error

    with pytest.raises(Failed):
        await append_and(Failed())
    assert (await chain_of(admin, tree.trader_id, LOCKED_CHAIN))[0] == []
    await append_and(None)
    rows, head = await chain_of(admin, tree.trader_id, LOCKED_CHAIN)
    assert len(rows) == 1
    assert faults(rows, head) == []


async def test_many_writers_of_one_chain_leave_neither_gap_nor_fork(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    one, other = await open_db("api", max_size=8), await open_db("operator", max_size=8)
    chain = new_id()

    async def append(number: int) -> int:
        async with (one, other)[number % 2].transaction() as tx:
            return await store.append(tx, chain, entries(tree.trader_id)[number % 9])

    positions = await asyncio.gather(*(append(number) for number in range(40)))
    assert sorted(positions) == list(range(1, 41))
    rows, head = await chain_of(admin, tree.trader_id, chain)
    assert faults(rows, head) == []


async def test_a_batch_is_hashed_like_single_entries(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    db, chain = await open_db("api"), new_id()
    async with db.transaction() as tx:
        # An empty digest does not travel through the batch's JSON: there it is absent.
        await store.append_batch(tx, chain, entries(tree.trader_id))
    rows, head = await chain_of(admin, tree.trader_id, chain)
    assert [row["event"] for row in rows] == [entry.event for entry in entries(tree.trader_id)]
    assert rows[-1]["user_agent"] == FULL.origin.user_agent
    assert faults(rows, head) == []


async def test_a_moment_far_away_is_hashed_to_the_microsecond(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    """Numeric, not float: a double loses microseconds from the year 2255 on."""
    for at in (FAR.replace(year=9999, microsecond=999_999), FAR.replace(microsecond=1)):
        row = await admin.fetchrow(
            "SELECT e.*, log_content_hash(e) AS by_sql FROM (SELECT ($1::uuid, $1::uuid, 1, $2,"
            " 'e', 'a', NULL, NULL, NULL, 'ok', NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
            " $3::bytea, $3, $3)::access_log AS row) t, LATERAL (SELECT (t.row).*) e",
            *(tree.trader_id, at, HASH),
        )
        assert row["by_sql"] == content_hash(row)
