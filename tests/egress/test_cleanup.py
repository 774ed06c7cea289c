"""After a revoke: open orders are cancelled and told of, on time, or somebody is told that not."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from app.egress.service import Courier
from tests.egress.conftest import StandingClock, settle
from tests.egress.rows import Trader, add_order, entries, order_row, revoke, usage
from tests.egress.signer import StandInSigner
from tests.egress.venue import SandboxProcess


async def run(courier: Courier) -> None:
    await courier.clean_ups.step()
    await settle(courier)


async def items(rows: asyncpg.Pool, revocation_id: UUID) -> list[tuple[Any, ...]]:
    found = await rows.fetch(
        "SELECT kind, state, attempts, last_outcome FROM cleanup_item"
        " WHERE revocation_id = $1 ORDER BY item_no",
        revocation_id,
    )
    return [tuple(row) for row in found]


async def state_of(rows: asyncpg.Pool, revocation_id: UUID) -> str:
    state: str = await rows.fetchval(
        "SELECT cleanup_state FROM revocation WHERE revocation_id = $1", revocation_id
    )
    return state


async def resting(
    courier: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool
) -> UUID:
    order_id = await add_order(rows, trader, price=Decimal(40000))
    await signer.hand_over(order_id)
    await settle(courier)
    return order_id


async def test_open_orders_are_cancelled_and_the_clean_up_ends(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
    clock: StandingClock,
) -> None:
    orders = [await resting(idle, signer, trader, rows) for _ in range(2)]
    first_word = [(await order_row(rows, one))["outcome_at"] for one in orders]
    revocation_id = await revoke(rows, trader, trader.root_id, clock.now())
    await run(idle)  # has the items written
    await run(idle)  # first attempts, due at once
    assert await items(rows, revocation_id) == [
        ("cancel", "done", 1, "cancelled"),
        ("cancel", "done", 1, "cancelled"),
        ("delete_key", "unsupported", 0, "the venue has no such call"),
    ]
    assert sandbox.account(trader.api_key)["open_orders"] == []
    assert [(await order_row(rows, one))["state"] for one in orders] == ["cancelled"] * 2
    # The venue had spoken before the revoke: these orders did not slip.
    assert [(await order_row(rows, one))["outcome_at"] for one in orders] == first_word
    assert await usage(rows, trader) == [0, 0, 0]

    await run(idle)
    assert await state_of(rows, revocation_id) == "done"
    told = await entries(rows, trader, "cleanup.outcome")
    assert sorted((one["rule"], one["outcome"]) for one in told) == [
        ("cancel", "ok"), ("cancel", "ok"), ("delete_key", "failed"),
    ]  # fmt: skip
    assert {one["token_id"] for one in told} == {trader.root_id}
    assert {one["subject_id"] for one in told} == {*orders, trader.credential_id}
    assert signer.asked["clean_up"] == 1


async def test_attempts_come_at_0_1_4_15_60_seconds_and_then_every_minute_to_the_deadline(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
    clock: StandingClock,
) -> None:
    await resting(idle, signer, trader, rows)
    began = clock.now()
    revocation_id = await revoke(rows, trader, trader.grant_id, began)
    sandbox.break_once("error500", method="DELETE", count=1000)
    await run(idle)

    made_at: list[float] = []
    for tenth in range(0, 9000, 5):
        clock.move_to(began + timedelta(seconds=tenth / 10))
        (due_at,) = await rows.fetchrow(
            "SELECT due_at FROM cleanup_item WHERE revocation_id = $1", revocation_id
        )
        if due_at <= clock.now():
            await run(idle)
            made_at.append(tenth / 10)
    assert made_at == [0, 1, 4, 15, 60, *range(120, 900, 60)]
    ((_, state, attempts, outcome),) = await items(rows, revocation_id)
    assert (state, attempts) == ("pending", len(made_at))
    assert await state_of(rows, revocation_id) == "running"

    clock.move_to(began + timedelta(minutes=15))
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "unconfirmed", len(made_at), outcome)]
    await run(idle)
    assert await state_of(rows, revocation_id) == "done"
    told = await entries(rows, trader, "cleanup.outcome")
    assert [one["venue_outcome"].split()[0] for one in told] == ["pending", "unconfirmed"]


async def test_an_item_is_tried_again_after_a_failure_and_then_done(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
    clock: StandingClock,
) -> None:
    order_id = await resting(idle, signer, trader, rows)
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    sandbox.break_once("reset_after_execute", method="DELETE")
    await run(idle)
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "pending", 1, "no-answer")]

    clock.move_to(clock.now() + timedelta(seconds=1))
    await run(idle)
    # The first cancel worked unseen; now the venue has no such open order, and once it had.
    assert await items(rows, revocation_id) == [("cancel", "done", 2, "not open -2011")]
    assert sandbox.account(trader.api_key)["open_orders"] == []
    assert (await order_row(rows, order_id))["state"] == "accepted", "the next read settles it"


async def test_an_order_that_may_still_arrive_is_cancelled_until_it_cannot(
    idle: Courier,
    signer: StandInSigner,
    trader: Trader,
    rows: asyncpg.Pool,
    sandbox: SandboxProcess,
    clock: StandingClock,
) -> None:
    order_id = await add_order(rows, trader, price=Decimal(40000), released_at=clock.now())
    slipping = await signer.release(order_id)
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    await run(idle)
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "pending", 1, "-2011")]

    # It was under way all the time, and arrives between two attempts.
    sandbox.http.request(
        slipping.method, slipping.path_and_query, headers=slipping.headers, content=slipping.body
    ).raise_for_status()
    assert len(sandbox.account(trader.api_key)["open_orders"]) == 1
    clock.move_to(clock.now() + timedelta(seconds=1))
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "done", 2, "cancelled")]
    assert sandbox.account(trader.api_key)["open_orders"] == []
    assert (await order_row(rows, order_id))["state"] == "cancelled"


async def test_an_order_that_never_arrived_is_done_once_it_cannot_arrive(
    idle: Courier, trader: Trader, rows: asyncpg.Pool, clock: StandingClock
) -> None:
    released = clock.now()
    await add_order(rows, trader, released_at=released)
    revocation_id = await revoke(rows, trader, trader.grant_id, released)
    await run(idle)
    for seconds in (0, 1, 4, 15):
        clock.move_to(released + timedelta(seconds=seconds))
        await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "pending", 4, "-2011")]
    clock.move_to(released + timedelta(seconds=60))
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "done", 5, "not open -2011")]


async def test_an_order_that_ended_by_itself_needs_no_cancel(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool, clock: StandingClock
) -> None:
    order_id = await resting(idle, signer, trader, rows)
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    await run(idle)
    await rows.execute("UPDATE bot_order SET state = 'filled' WHERE order_id = $1", order_id)
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "done", 0, "already filled")]
    assert signer.asked["item"] == 0


async def test_while_the_signer_is_away_no_attempt_is_counted(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool, clock: StandingClock
) -> None:
    await resting(idle, signer, trader, rows)
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    await run(idle)
    await signer.stop()
    for _ in range(3):
        await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "pending", 0, None)]
    await signer.start()
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "done", 1, "cancelled")]


async def test_many_items_ask_the_signer_one_after_the_other_and_wait_while_it_is_busy(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool, clock: StandingClock
) -> None:
    for _ in range(20):
        await resting(idle, signer, trader, rows)
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    await run(idle)
    signer.busy = 3
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "done", 1, "cancelled")] * 20
    assert signer.most_at_once == 1


async def test_a_refusal_of_the_signer_is_an_attempt(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool, clock: StandingClock
) -> None:
    await resting(idle, signer, trader, rows)
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    await run(idle)
    signer.refuse_clean_up = True
    await run(idle)
    await run(idle)
    assert await items(rows, revocation_id) == [("cancel", "pending", 1, "refused_in_test")]
    assert signer.asked["item"] == 1


async def test_a_clean_up_that_was_never_expanded_ends_with_an_entry_that_says_so(
    idle: Courier, signer: StandInSigner, trader: Trader, rows: asyncpg.Pool, clock: StandingClock
) -> None:
    revocation_id = await revoke(rows, trader, trader.grant_id, clock.now())
    signer.refuse_clean_up = True
    clock.move_to(clock.now() + timedelta(minutes=16))
    await run(idle)
    await run(idle)
    assert await state_of(rows, revocation_id) == "done"
    (entry,) = await entries(rows, trader, "cleanup.outcome")
    assert (entry["outcome"], entry["rule"]) == ("failed", "not_expanded")
