"""Scheduled reads: rights of new keys, balances, open orders, and what the lists say of ours."""

from decimal import Decimal
from typing import Any

import asyncpg

from app.egress.service import Courier
from tests.egress.conftest import settle
from tests.egress.rows import Trader, add_order, add_trader, entries, order_row
from tests.egress.signer import StandInSigner
from tests.egress.venue import SandboxProcess


async def read_accounts(courier: Courier) -> None:
    courier.accounts._list_at = 0.0
    courier.accounts._read_at.clear()
    await courier.accounts.step()
    await settle(courier)


async def balances(rows: asyncpg.Pool, trader: Trader) -> dict[str, tuple[Decimal, Decimal]]:
    found = await rows.fetch(
        "SELECT asset, free, locked FROM venue_balance WHERE credential_id = $1",
        trader.credential_id,
    )
    return {row["asset"]: (row["free"], row["locked"]) for row in found}


async def open_orders(rows: asyncpg.Pool, trader: Trader) -> list[Any]:
    found: list[Any] = await rows.fetch(
        "SELECT * FROM venue_open_order WHERE credential_id = $1", trader.credential_id
    )
    return found


async def test_the_rights_of_a_new_key_are_read_once_and_handed_to_the_signer(
    idle: Courier, signer: StandInSigner, rows: asyncpg.Pool, sandbox: SandboxProcess
) -> None:
    signer.know(await add_trader(rows, sandbox.new_key(), state="pending"))
    for _ in range(3):
        await idle.links.step()
        await settle(idle)
    (answer,) = signer.answers
    assert answer.status == 200
    assert b'"enableReading":true' in answer.body
    assert signer.asked["permissions"] == 2, "one to sign, one with the answer"


async def test_a_venue_in_trouble_says_nothing_of_a_key(
    idle: Courier, signer: StandInSigner, rows: asyncpg.Pool, sandbox: SandboxProcess
) -> None:
    signer.know(await add_trader(rows, sandbox.new_key(), state="pending"))
    route = "/sapi/v1/account/apiRestrictions"
    for mode in ("error500", "429", "reset"):
        sandbox.http.post("/sandbox/faults", json={"route": route, "mode": mode})
        idle.links._patience.forget_others(set())
        await idle.links.step()
        await settle(idle)
    assert signer.answers == []


async def test_a_key_the_venue_does_not_know_is_told_to_the_signer(
    idle: Courier, signer: StandInSigner, rows: asyncpg.Pool
) -> None:
    unknown = {"api_key": "x" * 64, "secret": "y" * 64}
    signer.know(await add_trader(rows, unknown, state="pending"))
    await idle.links.step()
    await settle(idle)
    (answer,) = signer.answers
    assert answer.status in {400, 401}


async def test_balances_are_replaced_by_what_the_venue_holds(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    await rows.execute(
        "INSERT INTO venue_balance VALUES ($1, $2, 'GONE', 5, 1, now() - interval '1 minute')",
        trader.trader_id,
        trader.credential_id,
    )
    await add_and_place(idle, signer, trader, rows)
    await read_accounts(idle)
    held = await balances(rows, trader)
    assert held["USDT"] == (Decimal(999600), Decimal(400))
    assert held["BTC"] == (Decimal(100), Decimal(0))
    assert held["GONE"] == (Decimal(0), Decimal(0))
    ages = await rows.fetch("SELECT clock_timestamp() - as_of AS age FROM venue_balance")
    assert all(0 <= row["age"].total_seconds() < 5 for row in ages)


async def test_open_orders_ours_and_foreign_are_replaced(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    ours = await add_and_place(idle, signer, trader, rows)
    await read_accounts(idle)
    (shown,) = await open_orders(rows, trader)
    row = await order_row(rows, ours)
    assert shown["client_order_id"] == row["client_order_id"]
    assert (shown["market"], shown["side"], shown["price"]) == ("BTCUSDT", "buy", 40000)

    sandbox.move("BTCUSDT", "39000")
    try:
        await read_accounts(idle)
        await settle(idle)
        assert await open_orders(rows, trader) == []
        # It left the book, so its own record was asked for.
        assert (await order_row(rows, ours))["state"] == "filled"
        told = await entries(rows, trader, "order.outcome")
        assert [one["venue_outcome"].split()[0] for one in told] == ["accepted", "filled"]
    finally:
        sandbox.move("BTCUSDT", "60000")


async def test_an_outcome_asks_for_a_read_of_its_account(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    await read_accounts(idle)
    signer.asked.clear()
    await idle.accounts.step()
    await settle(idle)
    assert not signer.asked, "five seconds are not over"

    await add_and_place(idle, signer, trader, rows)
    idle.accounts._read_at[trader.credential_id] -= 1.0
    await idle.accounts.step()
    await settle(idle)
    assert (signer.asked["balances"], signer.asked["open_orders"]) == (1, 1)
    assert (await balances(rows, trader))["USDT"] == (Decimal(999600), Decimal(400))


async def test_an_unreadable_answer_leaves_the_old_rows(
    idle: Courier, trader: Trader, rows: asyncpg.Pool, sandbox: SandboxProcess
) -> None:
    await read_accounts(idle)
    before = await balances(rows, trader)
    sandbox.http.post("/sandbox/faults", json={"route": "/api/v3/account", "mode": "error500"})
    await read_accounts(idle)
    assert await balances(rows, trader) == before
    assert before["USDT"] == (Decimal(1_000_000), Decimal(0))


async def test_a_frozen_key_is_not_read_with(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    await rows.execute(
        "INSERT INTO fence VALUES ($1,$2,'trader',4,'test',now(),1)",
        *(trader.trader_id, trader.credential_id),
    )
    await read_accounts(idle)
    assert not signer.asked


async def add_and_place(
    courier: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> Any:
    order_id = await add_order(rows, trader, price=Decimal(40000))
    await signer.hand_over(order_id)
    await settle(courier)
    return order_id
