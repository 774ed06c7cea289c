"""Minting: a child's path and expiry come from its parent's row, and there are no orphans (P5)."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.tokens import store
from app.tokens.errors import ParentNotActive
from app.tokens.models import NewNode
from tests.db.conftest import Open
from tests.db.rows import FAR, HASH, Tree, add_trader, mint, now

REFUSED = "TC001"


async def fence(
    db: asyncpg.Connection, tree: Tree, node: UUID, level: int, imposed_by: str = "trader"
) -> None:
    await db.execute(
        "INSERT INTO fence VALUES ($1,$2,$3,$4,'test',now(),1)",
        *(tree.trader_id, node, imposed_by, level),
    )


async def refuses(db: asyncpg.Connection, trader: UUID, kind: str, parent: UUID | None) -> bool:
    try:
        await mint(db, trader, kind, parent)
    except asyncpg.PostgresError as error:
        if error.sqlstate == REFUSED:
            return True
        raise
    return False


async def test_a_childs_path_is_its_parents_and_itself(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    child = await mint(admin, tree.trader_id, "grant", tree.grant)
    assert child["path"] == [tree.root, tree.credential, tree.grant, child["token_id"]]
    assert child["parent_id"] == tree.grant


async def test_a_child_never_outlives_its_parent(admin: asyncpg.Connection, tree: Tree) -> None:
    soon = now() + timedelta(hours=1)
    parent = await mint(admin, tree.trader_id, "grant", tree.credential, expires_at=soon)
    for asked in (FAR, soon + timedelta(microseconds=1)):
        child = await mint(admin, tree.trader_id, "grant", parent["token_id"], expires_at=asked)
        assert child["expires_at"] == soon
    earlier = soon - timedelta(minutes=1)
    child = await mint(admin, tree.trader_id, "grant", parent["token_id"], expires_at=earlier)
    assert child["expires_at"] == earlier


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("imposed_by", ["trader", "operator", "monitor"])
async def test_no_child_is_born_under_a_fence_anywhere_on_the_path(
    admin: asyncpg.Connection, tree: Tree, level: int, imposed_by: str
) -> None:
    for node in (tree.root, tree.credential, tree.grant):
        transaction = admin.transaction()
        await transaction.start()
        await fence(admin, tree, node, level, imposed_by)
        savepoint = admin.transaction()
        await savepoint.start()
        assert await refuses(admin, tree.trader_id, "grant", tree.grant), node
        await savepoint.rollback()
        if node != tree.root:  # beside it life goes on
            assert not await refuses(admin, tree.trader_id, "device", tree.root)
        await transaction.rollback()
    assert not await refuses(admin, tree.trader_id, "grant", tree.grant)


async def test_no_child_is_born_under_an_expired_unknown_or_absent_parent(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    expired = await mint(admin, tree.trader_id, "grant", tree.credential, expires_at=now())
    for parent in (expired["token_id"], new_id(), None):
        assert await refuses(admin, tree.trader_id, "grant", parent)


async def test_no_child_is_born_under_another_traders_node(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    stranger = await add_trader(admin)
    await mint(admin, stranger, "trader", None)
    assert await refuses(admin, stranger, "device", tree.root)
    assert await refuses(admin, stranger, "grant", tree.credential)


async def test_a_trader_has_one_living_root(admin: asyncpg.Connection, tree: Tree) -> None:
    """A second root would stand outside every fence of the first: break-glass would miss half."""
    assert await refuses(admin, tree.trader_id, "trader", None)
    await fence(admin, tree, tree.root, 4)
    assert await refuses(admin, tree.trader_id, "trader", None)
    await admin.execute("UPDATE fence SET level = 5 WHERE token_id = $1", tree.root)
    again = await mint(admin, tree.trader_id, "trader", None)
    assert again["path"] == [again["token_id"]]
    root = await admin.fetchval("SELECT root_id FROM trader WHERE trader_id = $1", tree.trader_id)
    assert root == again["token_id"]
    # Nothing of the old root comes back with the new one.
    assert await refuses(admin, tree.trader_id, "grant", tree.credential)


async def test_a_root_without_its_trader_cannot_be_made(admin: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await mint(admin, new_id(), "trader", None)


async def test_a_tree_is_at_most_eleven_nodes_deep(admin: asyncpg.Connection, tree: Tree) -> None:
    node = tree.grant
    for _ in range(8):
        node = (await mint(admin, tree.trader_id, "grant", node))["token_id"]
    with pytest.raises(asyncpg.CheckViolationError) as too_deep:
        await mint(admin, tree.trader_id, "grant", node)
    assert too_deep.value.constraint_name == "depth_is_bounded"


async def test_a_bearer_form_and_a_bound_key_come_together(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    for secret_hash, jkt in ((HASH, None), (None, "key")):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await mint(admin, tree.trader_id, "grant", tree.root, secret_hash=secret_hash, jkt=jkt)
        assert refused.value.constraint_name == "a_bearer_form_is_sender_constrained"


@pytest.mark.parametrize(
    ("constraint", "kind", "parent", "path"),
    [
        ("only_the_root_has_no_parent", "grant", None, "{self}"),
        ("only_the_root_has_no_parent", "trader", "root", "{root},{self}"),
        ("path_ends_in_itself", "grant", "root", "{root}"),
        ("path_ends_in_itself", "grant", "root", "{self},{root}"),
        ("path_goes_through_the_parent", "grant", "credential", "{root},{self}"),
        ("path_goes_through_the_parent", "grant", "credential", "{self}"),
    ],
)
async def test_a_path_that_leaves_the_tree_cannot_be_stored(
    admin: asyncpg.Connection, tree: Tree, constraint: str, kind: str, parent: str | None,
    path: str,
) -> None:  # fmt: skip
    node = new_id()
    ids = path.format(self=node, root=tree.root).split(",")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(
            "INSERT INTO token (trader_id, token_id, kind, parent_id, path, scope, label,"
            " expires_at) VALUES ($1,$2,$3,$4,$5,'{}','x',$6)",
            *(tree.trader_id, node, kind, parent and getattr(tree, parent), ids, FAR),
        )
    assert refused.value.constraint_name == constraint


async def test_a_parent_cannot_be_deleted_under_its_children(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await admin.execute("DELETE FROM token WHERE token_id = $1", tree.credential)


async def test_the_store_says_parent_not_active(
    open_db: Open, admin: asyncpg.Connection, tree: Tree
) -> None:
    db = await open_db("api")
    new = NewNode(
        trader_id=tree.trader_id, token_id=new_id(), kind="grant", parent_id=tree.credential,
        label="x", expires_at=FAR,
    )  # fmt: skip
    await fence(admin, tree, tree.root, 1)
    with pytest.raises(ParentNotActive):
        async with db.locked(tree.trader_id) as tx:
            await store.mint(tx, new)
    await admin.execute("DELETE FROM fence WHERE trader_id = $1", tree.trader_id)
    async with db.locked(tree.trader_id) as tx:
        assert (await store.mint(tx, new)).path == [tree.root, tree.credential, new.token_id]
