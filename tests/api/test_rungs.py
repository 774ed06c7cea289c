"""Every route at every rung: what the table of verbs and rungs says is what the edge does.

The fence stands on the token itself and on the root above it in turn. What the signer refuses
beyond that (an order on `reduce_only`) is in `tests/signing/test_ladder.py`.
"""

import asyncpg
import httpx
import pytest

from app.guardrails.rungs import ALLOWED, Rung
from tests.api.caller import Caller, refused
from tests.api.presenting import BOUND, by_name, party, present
from tests.api.routes import CLIENT, PROTECTED, Row
from tests.api.rows import PlatformRow, add_trader, counts, fence
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CONTAINED = {(403, "containment_forbids"), (409, "parent_not_active")}


def named(response: httpx.Response) -> tuple[int, str]:
    """Status and problem code of a refusal."""
    return response.status_code, response.json()["type"].rpartition(":")[2]


def ids(value: object) -> str:
    return by_name(value) if isinstance(value, Row) else str(value)


@pytest.mark.parametrize(
    ("row", "credential"),
    [(row, word) for row in PROTECTED for word in row.may if word in BOUND],
    ids=ids,
)
async def test_a_bound_token_may_on_each_rung_what_the_table_says(
    row: Row,
    credential: str,
    caller: Caller,
    signer: StandInSigner,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    free: int | None = None
    for severity, rung in enumerate(Rung):
        trader = await add_trader(rows, platform)
        token_id = party(trader, credential).token.token_id
        if severity:
            node = (token_id, trader.root_id)[severity % 2]
            await fence(rows, trader.trader_id, node, severity)
        before, asked = await counts(rows), len(signer.relayed())
        response = await present(caller, row, trader, platform, credential)
        if rung is Rung.REVOKED:
            refused(response, 401, "token_rejected")
        elif row.verb not in ALLOWED[rung]:
            problem = refused(response, 403, "containment_forbids")
            assert (problem["rule"], problem["node"]) == (rung.value, str(token_id))
        else:
            free = free or response.status_code
            assert response.status_code == free, rung
            continue
        assert await counts(rows) == before
        assert len(signer.relayed()) == asked
    assert free is not None


@pytest.mark.parametrize("row", [row for row in PROTECTED if row.under is not None], ids=by_name)
async def test_a_platform_may_on_a_contained_node_what_the_table_says(
    row: Row,
    caller: Caller,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    for place in ("root", "key"):
        for severity, rung in enumerate(Rung):
            trader = await add_trader(rows, platform)
            node = trader.root_id if place == "root" else trader.credential_id
            if severity:
                await fence(rows, trader.trader_id, node, severity)
            before = await counts(rows)
            response = await present(caller, row, trader, platform, CLIENT)
            if row.under in ALLOWED[rung]:
                assert response.is_success, rung
            else:
                assert named(response) in _CONTAINED
                assert await counts(rows) == before
