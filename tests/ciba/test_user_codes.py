"""A trader may want to be asked only by who knows a code: guesses are counted, it is not kept."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.ciba.user_code_store import MOST_FAILURES
from scripts.clients.http import Refused
from scripts.clients.phone import Phone
from tests.ciba.conftest import Shop, do
from tests.ciba.parts import let_a_day_pass

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = "trip-4711"


async def answer(
    shop: Shop, phone: Phone, rows: asyncpg.Connection, **form: str
) -> tuple[int, str]:
    """Status and error of a request, the only one of its day."""
    await let_a_day_pass(rows, phone)
    found = await shop.begin(login_hint=str(phone.account.trader_id), **form)
    return found.status_code, found.json().get("error", "")


async def standing(rows: asyncpg.Connection, trader_id: UUID) -> asyncpg.Record:
    row = await rows.fetchrow("SELECT * FROM user_code WHERE trader_id = $1", trader_id)
    assert row is not None
    return row


async def test_without_a_code_none_is_asked_for_and_one_that_is_sent_does_no_harm(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    assert await answer(shop, phone, rows, user_code="whatever") == (200, "")


async def test_with_a_code_only_who_knows_it_may_ask(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    await do(phone.set_user_code, CODE)
    assert await answer(shop, phone, rows) == (400, "missing_user_code")
    assert await answer(shop, phone, rows, user_code=CODE + "x") == (400, "invalid_user_code")
    assert await answer(shop, phone, rows, user_code=CODE) == (200, "")
    row = await standing(rows, phone.account.trader_id)
    assert row["failures"] == 0
    assert CODE.encode() not in row["code_hash"] + row["salt"]
    told = await rows.fetchval(
        "SELECT count(*) FROM access_log WHERE trader_id = $1 AND event = 'user_code.set'",
        phone.account.trader_id,
    )
    assert told == 1


async def test_guesses_are_counted_one_by_one_even_at_once_and_close_it_for_a_while(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    trader_id = phone.account.trader_id
    await do(phone.set_user_code, CODE)
    hint = str(trader_id)
    guesses = (
        shop.begin(login_hint=hint, user_code=f"guess-{n}") for n in range(3 * MOST_FAILURES)
    )
    errors = {found.json().get("error") for found in await asyncio.gather(*guesses)}
    assert errors == {"invalid_user_code"}
    assert (await standing(rows, trader_id))["locked_until"] is not None
    # The right one is no good while it is closed: else guessing would go on.
    assert await answer(shop, phone, rows, user_code=CODE) == (400, "invalid_user_code")
    await rows.execute(
        "UPDATE user_code SET locked_until = locked_until - $2::interval WHERE trader_id = $1",
        *(trader_id, timedelta(minutes=15)),
    )
    assert await answer(shop, phone, rows, user_code=CODE) == (200, "")


async def test_a_device_may_change_it_and_nobody_takes_it_away(
    shop: Shop, phone: Phone, rows: asyncpg.Connection
) -> None:
    await do(phone.set_user_code, CODE)
    await do(phone.set_user_code, "another")
    assert await answer(shop, phone, rows, user_code=CODE) == (400, "invalid_user_code")
    with pytest.raises(Refused) as refused:
        await do(phone.call, "DELETE", "/v1/user-code")
    assert refused.value.status == 405
    for wrong in ("abc", "", "with space", "x" * 65, "zeile\n1", "ümlaut"):
        with pytest.raises(Refused) as refused:
            await do(phone.set_user_code, wrong)
        assert refused.value.code == "malformed"
    assert await answer(shop, phone, rows, user_code="another") == (200, "")
