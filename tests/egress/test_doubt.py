"""When nobody knows what became of an order, the venue is asked; nothing is sent again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg

from app.egress.service import Courier
from tests.egress.conftest import settle, until
from tests.egress.rows import Trader, add_order, entries, order_row, usage
from tests.egress.signer import StandInSigner
from tests.egress.venue import SandboxProcess


def ago(seconds: float) -> datetime:
    return datetime.now(tz=UTC) - timedelta(seconds=seconds)


async def test_a_500_after_the_venue_took_the_order_is_reconciled_and_never_sent_again(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    sandbox.break_once("error500_after_execute")
    order_id = await add_order(rows, trader, price=Decimal(40000))
    await signer.hand_over(order_id)
    await settle(idle)
    row = await order_row(rows, order_id)
    assert (row["state"], row["outcome_at"]) == ("unknown", None)
    assert await usage(rows, trader) == [Decimal(400)] * 3, "doubt gives nothing back"

    await idle.reconciler.step()
    await settle(idle)
    assert (await order_row(rows, order_id))["state"] == "accepted"
    assert signer.asked["order"] == 1
    assert len(sandbox.account(trader.api_key)["open_orders"]) == 1
    told = [entry["venue_outcome"] for entry in await entries(rows, trader, "order.outcome")]
    assert [words.split()[0] for words in told] == ["unknown", "accepted"]


async def test_a_connection_that_breaks_after_the_order_leaves_doubt_and_one_order(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    sandbox.break_once("reset_after_execute")
    order_id = await add_order(rows, trader, price=Decimal(200000), time_in_force="IOC")
    await signer.hand_over(order_id)
    await settle(idle)
    assert (await order_row(rows, order_id))["venue_code"] == "no-answer"

    await idle.reconciler.step()
    await settle(idle)
    row = await order_row(rows, order_id)
    assert (row["state"], row["filled_quantity"]) == ("filled", Decimal("0.01"))
    bought = Decimal(sandbox.account(trader.api_key)["balances"]["BTC"]["free"]) - 100
    assert Decimal("0.0099") < bought <= Decimal("0.01"), "once, less the venue's fee"


async def test_a_released_order_nobody_sent_is_rejected_once_it_cannot_arrive_any_more(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    lost = await add_order(rows, trader, released_at=ago(60))
    await idle.reconciler.step()
    await settle(idle)
    row = await order_row(rows, lost)
    assert (row["state"], row["venue_code"]) == ("rejected", "-2013")
    assert await usage(rows, trader) == [0, 0, 0]
    assert signer.asked["order"] == 1


async def test_an_order_the_venue_does_not_have_yet_may_still_come(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    order_id = await add_order(rows, trader, price=Decimal(40000), released_at=ago(8))
    await idle.reconciler.step()
    await settle(idle)
    assert signer.asked["order"] == 1
    assert (await order_row(rows, order_id))["state"] == "released"

    await signer.hand_over(order_id)
    await settle(idle)
    assert (await order_row(rows, order_id))["state"] == "accepted"


async def test_a_fresh_release_is_left_alone(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    await add_order(rows, trader)
    await idle.reconciler.step()
    await settle(idle)
    assert not signer.asked


async def test_doubt_is_not_asked_about_in_a_rush(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    await add_order(rows, trader, released_at=ago(8))
    for _ in range(5):
        await idle.reconciler.step()
        await settle(idle)
    assert signer.asked["order"] == 1


async def test_a_revoked_key_is_not_asked_with(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    await add_order(rows, trader, released_at=ago(60))
    await rows.execute(
        "INSERT INTO fence VALUES ($1,$2,'trader',5,'test',now(),1)",
        trader.trader_id,
        trader.root_id,
    )
    await idle.reconciler.step()
    await settle(idle)
    assert not signer.asked


async def test_the_signer_may_come_back_any_time(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    lost = await add_order(rows, trader, released_at=ago(60))
    await signer.stop()
    await idle.reconciler.step()
    await settle(idle)
    assert (await order_row(rows, lost))["state"] == "released"

    await signer.start()

    async def asked_again() -> bool:
        await idle.reconciler.step()
        await settle(idle)
        state: str = (await order_row(rows, lost))["state"]
        return state == "rejected"

    await until(asked_again)
