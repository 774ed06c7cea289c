"""The planted trees are trees that the API could have made, and every node has all the leaves."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from scripts.benches import trees
from scripts.benches.common import BenchFailed
from scripts.benches.trees import Tree
from tests.db.rows import add_tree
from tests.support.postgres import FreshDatabase

LEAVES = 60
NODES = LEAVES + 2 * trees.CHAIN


@pytest.fixture
async def owner(module_database: FreshDatabase) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture
async def tree(owner: Any) -> Tree:
    return await trees.plant(owner, (await add_tree(owner)).trader_id, LEAVES)


async def test_every_node_of_the_chain_has_every_leaf(owner: Any, tree: Tree) -> None:
    await trees.check_size(owner, tree)
    below = [
        await owner.fetchval(trees._BELOW, tree.trader_id, branch.node_id)
        for branch in tree.branches
    ]
    assert below == [LEAVES + 2 * (depth + 1) for depth in range(trees.CHAIN)]
    assert [len(branch.path) for branch in tree.branches] == list(range(9, 1, -1))


async def test_a_tree_that_is_too_small_is_no_result(owner: Any, tree: Tree) -> None:
    with pytest.raises(BenchFailed, match="61 descendants instead of 62"):
        await trees.check_size(owner, Tree(tree.trader_id, LEAVES + 2, tree.branches))


async def test_the_rows_are_those_that_minting_makes(owner: Any, tree: Tree) -> None:
    """The foreign keys that were left out hold, and so does what `mint_token` promises."""
    wrong = await owner.fetchval(
        """
        SELECT count(*) FROM token c LEFT JOIN token p
               ON p.trader_id = c.trader_id AND p.token_id = c.parent_id
         WHERE c.trader_id = $1 AND c.kind <> 'trader'
           AND (p.token_id IS NULL OR c.path <> p.path || c.token_id
                OR c.expires_at > p.expires_at)
        """,
        tree.trader_id,
    )
    assert wrong == 0


async def test_a_revoke_kills_what_is_below_its_node_and_nothing_above(
    owner: Any, tree: Tree
) -> None:
    lowest, above = tree.branches[:2]
    assert await trees.levels_below(owner, tree, above) == {0: LEAVES + 4}
    await owner.execute(
        "INSERT INTO fence VALUES ($1, $2, 'trader', 5, 'bench', clock_timestamp(), 1)",
        tree.trader_id,
        lowest.node_id,
    )
    assert await trees.levels_below(owner, tree, lowest) == {5: LEAVES + 2}
    assert await trees.levels_below(owner, tree, above) == {0: 2, 5: LEAVES + 2}


async def test_a_witness_is_found_by_its_token(owner: Any, tree: Tree) -> None:
    for branch in tree.branches:
        bearer = token.parse(branch.witness.reveal(), TokenKind.SESSION)
        path = await owner.fetchval(
            "SELECT path FROM token WHERE trader_id = $1 AND token_id = $2 AND secret_hash = $3",
            bearer.trader_id,
            bearer.token_id,
            bearer.secret_hash(),
        )
        assert path == [*branch.path, bearer.token_id]


async def test_of_many_descendants_some_are_drawn(owner: Any, tree: Tree) -> None:
    many = Tree(tree.trader_id, 3 * trees._SAMPLE, tree.branches)
    drawn = sum((await trees.levels_below(owner, many, tree.branches[0])).values())
    assert 0 < drawn < LEAVES
    assert await trees.levels_below(owner, Tree(new_id(), 1, ()), tree.branches[0]) == {}
