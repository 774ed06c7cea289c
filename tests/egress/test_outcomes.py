"""An order goes out once, and what the venue said becomes a row, an entry and a settlement."""

import asyncio
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from app.egress import inbox
from app.egress.service import Courier
from app.verbs.errors import RefusedByPeer
from app.verbs.wire import Send
from tests.egress.conftest import settle
from tests.egress.rows import Trader, add_order, entries, order_row, usage
from tests.egress.signer import StandInSigner
from tests.egress.venue import SandboxProcess


async def test_a_resting_order_is_accepted_and_keeps_its_reservation(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    order_id = await add_order(rows, trader, price=Decimal(40000))
    await signer.hand_over(order_id)
    await settle(idle)

    row = await order_row(rows, order_id)
    assert (row["state"], row["filled_quantity"]) == ("accepted", 0)
    assert row["venue_order_id"] is not None
    assert row["outcome_at"] is not None
    assert await usage(rows, trader) == [Decimal(400)] * 3
    (entry,) = await entries(rows, trader, "order.outcome")
    assert (entry["actor"], entry["outcome"]) == ("courier", "ok")
    assert entry["subject_id"] == order_id
    assert entry["path"] == trader.path
    assert entry["venue_outcome"] == "accepted"
    assert len(entry["answer_digest"]) == 32


async def test_a_filled_order_keeps_what_it_used(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    order_id = await add_order(rows, trader, price=Decimal(200000), time_in_force="IOC")
    await signer.hand_over(order_id)
    await settle(idle)

    row = await order_row(rows, order_id)
    assert (row["state"], row["filled_quantity"]) == ("filled", Decimal("0.01"))
    assert await usage(rows, trader) == [Decimal(2000)] * 3
    (entry,) = await entries(rows, trader, "order.outcome")
    assert entry["venue_outcome"].startswith("filled 0.01")


async def test_a_rejected_order_gives_its_whole_reservation_back(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    other = await add_order(rows, trader, price=Decimal(40000))
    order_id = await add_order(rows, trader, quantity=Decimal(50), price=Decimal(40000))
    await signer.hand_over(order_id)
    await settle(idle)

    row = await order_row(rows, order_id)
    assert (row["state"], row["venue_code"]) == ("rejected", "-2010")
    assert await usage(rows, trader) == [Decimal(400)] * 3, "what the other order holds"
    (entry,) = await entries(rows, trader, "order.outcome")
    assert (entry["outcome"], entry["venue_outcome"]) == ("failed", "rejected -2010")
    assert (await order_row(rows, other))["state"] == "released"


async def test_an_immediate_order_gives_its_unfilled_rest_back(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    ask = sandbox.http.get("/api/v3/ticker/bookTicker?symbol=BTCUSDT").json()
    price, there = Decimal(ask["askPrice"]), Decimal(ask["askQty"])
    wanted = there * 2
    order_id = await add_order(rows, trader, quantity=wanted, price=price, time_in_force="IOC")
    await signer.hand_over(order_id)
    await settle(idle)

    row = await order_row(rows, order_id)
    assert row["state"] == "cancelled"
    assert 0 < row["filled_quantity"] < wanted
    left = price * row["filled_quantity"]
    assert all(abs(held - left) < Decimal("0.0001") for held in await usage(rows, trader))


async def test_a_release_that_is_handed_over_twice_is_sent_once(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
) -> None:
    order_id = await add_order(rows, trader, price=Decimal(200000), time_in_force="IOC")
    release = await signer.release(order_id)
    for _ in range(2):
        await signer.courier.call(Send(release=release))
        await settle(idle)
    bought = Decimal(sandbox.account(trader.api_key)["balances"]["BTC"]["free"]) - 100
    assert 0 < bought <= Decimal("0.01")


async def test_an_order_that_cannot_leave_is_rejected_as_not_sent(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    elsewhere, astray = await add_order(rows, trader), await add_order(rows, trader)
    release = await signer.release(elsewhere)
    await signer.courier.call(Send(release=msgspec.structs.replace(release, venue_id="kraken")))
    release = await signer.release(astray)
    path = "@127.0.0.1:1/api/v3/order"
    await signer.courier.call(Send(release=msgspec.structs.replace(release, path_and_query=path)))
    await settle(idle)

    for order_id in (elsewhere, astray):
        row = await order_row(rows, order_id)
        assert (row["state"], row["venue_code"]) == ("rejected", "not-sent")
    assert await usage(rows, trader) == [0, 0, 0]


async def test_only_orders_and_cancels_are_taken(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    del idle
    release = await signer.release(await add_order(rows, trader))
    for wrong in (
        msgspec.structs.replace(release, purpose="balances"),
        msgspec.structs.replace(release, subject_id=None),
    ):
        with pytest.raises(RefusedByPeer, match="release_refused"):
            await signer.courier.call(Send(release=wrong))


async def test_too_many_at_once_are_not_taken(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "MAX_UNDER_WAY", 0)
    order_id = await add_order(rows, trader)
    with pytest.raises(RefusedByPeer, match="courier_busy"):
        await signer.hand_over(order_id)
    await settle(idle)
    assert (await order_row(rows, order_id))["state"] == "released"


async def test_an_outcome_survives_a_locked_trader_and_a_lost_connection(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    order_id = await add_order(rows, trader, price=Decimal(40000))
    async with rows.acquire() as holder, holder.transaction():
        await holder.execute("SELECT lock_trader($1)", trader.trader_id)
        await signer.hand_over(order_id)
        ended = False
        while not ended:
            await asyncio.sleep(0.05)
            ended = await rows.fetchval(
                "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'tripcord_courier'"
                " AND wait_event_type = 'Lock'"
            )
    await settle(idle)
    assert (await order_row(rows, order_id))["state"] == "accepted"
    assert len(await entries(rows, trader, "order.outcome")) == 1


async def test_a_burst_for_one_trader_is_written_completely(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> None:
    orders = [await add_order(rows, trader, price=Decimal(40000)) for _ in range(30)]
    for order_id in orders:
        await signer.hand_over(order_id)
    await settle(idle)
    states = [(await order_row(rows, order_id))["state"] for order_id in orders]
    assert states == ["accepted"] * 30
    assert len(await entries(rows, trader, "order.outcome")) == 30


async def test_an_order_that_has_an_end_gives_nothing_back_a_second_time(
    trader: Trader, rows: asyncpg.Pool
) -> None:
    await add_order(rows, trader, quantity=Decimal(1))
    order_id = await add_order(rows, trader, quantity=Decimal("0.2"))
    move = "SELECT move_order($1, $2, $3, 'cancelled', NULL, $4, NULL, 'courier', 'ok', NULL, NULL)"
    for filled in (Decimal("0.3"), Decimal(-1)):  # more than was ordered, and less than nothing
        assert not await rows.fetchval(move, trader.trader_id, order_id, "released", filled)
    assert await rows.fetchval(move, trader.trader_id, order_id, "released", Decimal(0))
    left = await usage(rows, trader)
    for _ in range(3):
        assert not await rows.fetchval(move, trader.trader_id, order_id, "cancelled", Decimal(0))
    assert await usage(rows, trader) == left
