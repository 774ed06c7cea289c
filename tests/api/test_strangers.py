"""A stranger's token, of a trader or a platform, sees and moves nothing at any route (P10)."""

import re
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests.api.caller import Caller
from tests.api.presenting import BOUND, by_name, present
from tests.api.routes import CLIENT, PROTECTED, Row
from tests.api.rows import TraderRow, add_platform, add_trader
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TENANT = """
    SELECT table_name FROM information_schema.columns JOIN pg_tables ON tablename = table_name
     WHERE table_schema = 'public' AND schemaname = 'public' AND column_name = 'trader_id'
     ORDER BY table_name
"""


async def holdings(db: asyncpg.Connection, trader_id: UUID) -> dict[str, Any]:
    """Every row of one trader, as text, by table."""
    tables = [row["table_name"] for row in await db.fetch(_TENANT)]
    return {
        table: await db.fetchval(
            f'SELECT array_agg(t::text ORDER BY t::text) FROM "{table}" t WHERE trader_id = $1',
            trader_id,
        )
        for table in tables
    }


def ids_of(trader: TraderRow) -> set[str]:
    parties = {party.token.token_id for party in trader.parties}
    own = {trader.trader_id, trader.root_id, trader.credential_id, trader.approval_id}
    return {str(one) for one in own | parties}


def named_in(row: Row, trader: TraderRow) -> set[str]:
    """Ids of the trader that the request itself carries."""
    said = row.target(trader).encode()
    for sample in (row.body, row.form):
        said += b"" if sample is None else msgspec.json.encode(sample(trader))
    return set(_UUID.findall(said.decode())) & ids_of(trader)


@pytest.mark.parametrize(
    ("row", "credential"),
    [(row, word) for row in PROTECTED for word in row.may if word in {*BOUND, CLIENT}],
    ids=lambda value: by_name(value) if isinstance(value, Row) else value,
)
async def test_a_strangers_credential_sees_and_moves_nothing_of_mine(
    row: Row,
    credential: str,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    foreign = await add_platform(rows)
    stranger = await add_trader(rows, foreign)
    before = await holdings(rows, trader.trader_id)
    response = await present(caller, row, stranger, foreign, credential, about=trader)
    assert await holdings(rows, trader.trader_id) == before
    # What is relayed is the stranger's own, whatever it names; the signer looks no further.
    assert {verb.trader_id for verb in signer.relayed()} <= {stranger.trader_id}
    told = set(_UUID.findall(response.text)) & ids_of(trader)
    if signer.relayed():
        assert told <= named_in(row, trader)
        return
    assert told == set()
    if named_in(row, trader):
        assert response.status_code == 404
