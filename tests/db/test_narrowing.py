"""The schema's own word on address lists, narrowing and secrets: no room above it can undo it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from tests.db.conftest import Connect
from tests.db.rows import FAR, HASH, Tree, mint, now

LIST = ["192.0.2.0/24"]


async def mint_with(
    db: Any, tree: Tree, parent: UUID, networks: list[str], scope: list[str] | None = None
) -> Any:
    return await db.fetchrow(
        "SELECT * FROM mint_token($1, $2, 'grant', $3, NULL, NULL, $4, 'node', $5, $6)",
        *(tree.trader_id, new_id(), parent, scope or [], FAR, networks),
    )


async def narrow(db: Any, tree: Tree, node: UUID, version: int, **changes: Any) -> int:
    row = await db.fetchrow("SELECT * FROM token WHERE token_id = $1", node)
    wanted = {"scope": row["scope"], "expires_at": row["expires_at"], "networks": LIST} | changes
    found: int = await db.fetchval(
        "SELECT narrow_token($1, $2, $3, $4, $5, $6)",
        *(tree.trader_id, node, version, wanted["scope"], wanted["networks"]),
        wanted["expires_at"],
    )
    return found


async def state_of(attempt: Any) -> str:
    try:
        await attempt
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return ""


@pytest.mark.parametrize(
    ("networks", "state"),
    [
        (["192.0.2.0/24"], ""),
        (["192.0.2.7/32", "192.0.2.128/25"], ""),
        ([], ""),
        (["192.0.2.0/23"], "TC005"),
        (["192.0.2.7/32", "10.0.0.0/8"], "TC005"),
        (["::/0"], "TC005"),
    ],
)
async def test_a_childs_addresses_lie_within_every_list_above(
    admin: asyncpg.Connection, tree: Tree, networks: list[str], state: str
) -> None:
    await narrow(admin, tree, tree.root, 1)
    assert await state_of(mint_with(admin, tree, tree.grant, networks)) == state


async def test_a_sub_grants_scope_is_its_parents_or_less(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    parent = await mint_with(admin, tree, tree.credential, [], ["read"])
    assert await state_of(mint_with(admin, tree, parent["token_id"], [], ["read"])) == ""
    wider = mint_with(admin, tree, parent["token_id"], [], ["order", "read"])
    assert await state_of(wider) == "TC005"


async def test_narrowing_only_narrows_and_only_the_version_named(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    signer = await connect("signer")
    node = (await mint_with(admin, tree, tree.credential, [], ["order", "read"]))["token_id"]
    assert await narrow(signer, tree, node, 1, scope=["read"]) == 2
    for version, changes in (
        (1, {}),
        (3, {}),
        (2, {"scope": ["order", "read"]}),
        (2, {"networks": []}),
        (2, {"networks": ["192.0.2.0/23"]}),
        (2, {"expires_at": FAR + timedelta(microseconds=1)}),
    ):
        assert await state_of(narrow(signer, tree, node, version, **changes)) == "TC005", changes
    assert await narrow(signer, tree, node, 2, networks=["192.0.2.7/32"]) == 3


async def test_a_child_of_a_narrowed_branch_ends_with_the_earliest_above(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    """The parent's own row still says more: what counts is the path."""
    soon = now() + timedelta(hours=1)
    middle = (await mint(admin, tree.trader_id, "grant", tree.grant))["token_id"]
    await narrow(admin, tree, tree.grant, 1, expires_at=soon, networks=[])
    child = await mint(admin, tree.trader_id, "grant", middle)
    assert child["expires_at"] == soon


async def test_other_addresses_stay_within_those_above(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    signer = await connect("signer")
    await narrow(admin, tree, tree.credential, 1)
    change = "SELECT change_networks($1, $2, $3, $4)"
    for networks, state in ((["192.0.2.7/32"], ""), ([], "TC005"), (["10.0.0.0/8"], "TC005")):
        version = await admin.fetchval("SELECT version FROM token WHERE token_id = $1", tree.grant)
        attempt = signer.fetchval(change, tree.trader_id, tree.grant, version, networks)
        assert await state_of(attempt) == state


@pytest.mark.parametrize("level", range(6))
async def test_no_secret_is_rotated_under_a_fence(
    admin: asyncpg.Connection, tree: Tree, level: int
) -> None:
    if level:
        await admin.execute(
            "INSERT INTO fence VALUES ($1, $2, 'monitor', $3, 'test', now(), 1)",
            *(tree.trader_id, tree.root, level),
        )
    attempt = admin.fetchval(
        "SELECT rotate_secret($1, $2, $3, interval '10 minutes')",
        *(tree.trader_id, tree.device, HASH[::-1]),
    )
    assert await state_of(attempt) == ("TC001" if level else "")


async def test_four_answers_are_good_at_once_and_the_overlap_is_never_prolonged(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    ends = set()
    for number in range(6):
        ends.add(
            await admin.fetchval(
                "SELECT rotate_secret($1, $2, $3, interval '10 minutes')",
                *(tree.trader_id, tree.device, bytes([number]) * 32),
            )
        )
    assert len(ends) == 1
    kept = await admin.fetch(
        "SELECT secret_hash FROM token_rotation WHERE token_id = $1 ORDER BY issued_at", tree.device
    )
    assert [row["secret_hash"][0] for row in kept] == [2, 3, 4, 5]


async def test_a_credential_has_no_secret_to_rotate(admin: asyncpg.Connection, tree: Tree) -> None:
    for node in (tree.credential, tree.root, new_id()):
        attempt = admin.fetchval(
            "SELECT rotate_secret($1, $2, $3, interval '1 minute')", tree.trader_id, node, HASH
        )
        assert await state_of(attempt) == "TC002"
