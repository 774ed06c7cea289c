"""What the tests of CIBA ask for, and how a phone answers."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from app.core import token
from scripts.clients.approvals import Decision
from scripts.clients.ciba import Asked
from scripts.clients.phone import Phone
from tests.ciba.conftest import Shop, do

TRANSFER = {
    "type": "trade.external",
    "kind": "transfer",
    "reference": "T-1001",
    "description": "To the savings account",
    "amount": {"amount": "250.00", "quote": "EUR"},
    "recipient": "AT483200000012345864",
}


async def approve(phone: Phone, decision: Decision = Decision.APPROVE) -> Any:
    prompt = await do(phone.await_approval, template="external/1")
    await do(phone.decide, prompt, decision)
    return prompt


async def asked_by(shop: Shop, phone: Phone, **wanted: Any) -> Asked:
    return await do(shop.ciba.ask, phone.account.trader_id, **wanted)


def refused(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"error", "error_description"}


async def set_state(
    rows: asyncpg.Connection, asked: Asked, *, expires_at: datetime | None = None
) -> UUID:
    """The approval behind a request, put out of time where a test cannot wait."""
    found = token.parse(asked.auth_req_id.reveal())
    if expires_at is not None:
        async with rows.transaction():
            await rows.execute("SET LOCAL session_replication_role = 'replica'")
            await rows.execute(
                "UPDATE approval SET expires_at = $3, created_at = $4"
                " WHERE trader_id = $1 AND approval_id = $2",
                *(found.trader_id, found.token_id, expires_at, expires_at - timedelta(minutes=2)),
            )
    return found.token_id


async def let_a_day_pass(rows: asyncpg.Connection, phone: Phone) -> None:
    """As if everything the trader was asked were of yesterday: nobody is asked too often."""
    async with rows.transaction():
        await rows.execute("SET LOCAL session_replication_role = 'replica'")
        await rows.execute(
            "UPDATE approval SET created_at = created_at - $2::interval,"
            " expires_at = expires_at - $2::interval, decided_at = decided_at - $2::interval"
            " WHERE trader_id = $1",
            *(phone.account.trader_id, timedelta(days=1)),
        )
