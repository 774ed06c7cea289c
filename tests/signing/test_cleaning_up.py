"""Clean-up: the one exception to "nothing signs after a revoke", and its bounds (P1)."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.tokens.models import CleanUpMode
from app.verbs.wire import CleanUp, CleanUpReply
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


SELL = {
    "kind": "order", "market": "BTCUSDT", "side": "sell", "type": "limit", "quantity": "0.01",
    "price": "50000.00", "time_in_force": "GTC",
}  # fmt: skip


async def revoked(trader: Trader, node: UUID, mode: CleanUpMode | None = None) -> UUID:
    receipt = await trader.signer.revocations.revoke(
        trader.trader_id, node, reason="test", origin=trader.origin, mode=mode
    )
    return receipt.revocation_id


def ask(trader: Trader, revocation: UUID, item: int | None = None) -> CleanUp:
    return CleanUp(trader_id=trader.trader_id, revocation_id=revocation, item_no=item)


async def items(signer: Signer, revocation: UUID) -> list[Any]:
    return list(
        await signer.admin.fetch(
            "SELECT * FROM cleanup_item WHERE revocation_id = $1 ORDER BY item_no", revocation
        )
    )


async def test_open_orders_beneath_the_revoked_node_are_cancelled_and_nothing_else(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    beside = await trader.grant()
    mine = [await bot.place() for _ in range(2)]
    await beside.place()
    await bot.hold()
    done = await bot.place()
    await signer.as_owner(
        ("UPDATE bot_order SET state = 'filled' WHERE order_id = $1", done.order_id)
    )
    revocation = await revoked(trader, bot.grant_id)
    reply: CleanUpReply = await signer.ask(ask(trader, revocation))
    assert reply.items == 2
    listed = await items(signer, revocation)
    assert [(item["kind"], item["order_id"]) for item in listed] == [
        ("cancel", order.order_id) for order in mine
    ]
    for item, order in zip(listed, mine, strict=True):
        signed = (await signer.ask(ask(trader, revocation, item["item_no"]))).release
        assert signed is not None
        assert (signed.method, signed.purpose, signed.subject_id) == (
            "DELETE", "cancel", order.order_id,
        )  # fmt: skip
        query = parse_qs(signed.path_and_query.partition("?")[2] or signed.body.decode())
        assert query["origClientOrderId"] == [order.client_order_id]
    assert [e["event"] for e in await signer.log(trader.trader_id)][-2:] == [
        "cleanup.released", "cleanup.released",
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "cancelled"), [("cancel_entries", 1), ("cancel_all", 2)])
async def test_the_mode_says_whether_what_only_reduces_is_cancelled_too(
    mode: CleanUpMode, cancelled: int, signer: Signer, trader: Trader, bot: Bot
) -> None:
    placed = [await bot.place(), await bot.place(intent=SELL)]
    revocation = await revoked(trader, bot.grant_id, mode)
    assert (await signer.ask(ask(trader, revocation))).items == cancelled
    listed = await items(signer, revocation)
    assert [item["order_id"] for item in listed] == [o.order_id for o in placed[:cancelled]]


async def test_the_traders_own_mode_holds_where_a_revoke_names_none(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place(intent=SELL)
    by_default = await revoked(trader, bot.grant_id)
    await signer.as_owner(
        ("INSERT INTO trader_setting VALUES ($1, 'cancel_all')", trader.trader_id)
    )
    chosen = await revoked(trader, bot.grant_id)
    assert [(await signer.ask(ask(trader, r))).items for r in (by_default, chosen)] == [0, 1]


async def test_two_revokes_at_once_have_two_receipts_and_no_item_twice_alive(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place()
    first, second = await asyncio.gather(
        revoked(trader, bot.grant_id), revoked(trader, bot.grant_id)
    )
    assert first != second
    fences = await signer.admin.fetchval(
        "SELECT count(*) FROM fence WHERE trader_id = $1", trader.trader_id
    )
    assert fences == 1
    replies = await asyncio.gather(*(signer.ask(ask(trader, r)) for r in (first, second) * 2))
    assert sorted(reply.items for reply in replies) == [0, 0, 1, 1]
    for revocation in (first, second):
        assert len(await items(signer, revocation)) == 1
    deadlines = await signer.admin.fetchval(
        "SELECT max(cleanup_deadline_at) - min(revoked_at) FROM revocation WHERE trader_id = $1",
        trader.trader_id,
    )
    assert deadlines == timedelta(minutes=15)  # the second revoke opens no new ones


async def test_clean_up_goes_forward_only_whatever_is_revoked_on_top(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place()
    first = await revoked(trader, bot.grant_id)
    await signer.ask(ask(trader, first))
    await signer.admin.execute(
        "UPDATE cleanup_item SET state = 'done' WHERE revocation_id = $1", first
    )
    await signer.admin.execute(
        "UPDATE revocation SET cleanup_state = 'done' WHERE revocation_id = $1", first
    )
    await revoked(trader, trader.root_id)
    assert (await signer.ask(ask(trader, first))).items == 0
    assert await signer.refusal(ask(trader, first, 1)) == "clean_up_refused"
    with pytest.raises(asyncpg.CheckViolationError):
        await signer.admin.execute(
            "UPDATE revocation SET cleanup_state = 'running' WHERE revocation_id = $1", first
        )


async def test_a_revoked_key_is_listed_for_deletion_where_the_venue_cannot(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    revocation = await revoked(trader, trader.root_id)
    assert (await signer.ask(ask(trader, revocation))).items == 1
    (item,) = await items(signer, revocation)
    assert item["kind"] == "delete_key"
    assert (await signer.ask(ask(trader, revocation, 1))).release is None
    assert bot.sequence == 0


async def test_a_revocation_is_expanded_once(signer: Signer, trader: Trader, bot: Bot) -> None:
    await bot.place()
    revocation = await revoked(trader, bot.grant_id)
    assert [(await signer.ask(ask(trader, revocation))).items for _ in range(3)] == [1, 0, 0]
    # What would come into the table afterwards is no longer part of it.
    assert len(await items(signer, revocation)) == 1


async def test_clean_up_signs_for_fifteen_minutes_and_for_open_items_only(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place()
    await bot.place()
    revocation = await revoked(trader, bot.grant_id)
    await signer.ask(ask(trader, revocation))
    assert (await signer.ask(ask(trader, revocation, 1))).release is not None
    await signer.admin.execute(
        "UPDATE cleanup_item SET state = 'done' WHERE revocation_id = $1 AND item_no = 1",
        revocation,
    )
    assert await signer.refusal(ask(trader, revocation, 1)) == "clean_up_refused"
    assert await signer.refusal(ask(trader, revocation, 9)) == "clean_up_refused"
    assert await signer.refusal(ask(trader, new_id(), 1)) == "clean_up_refused"
    signer.clock.ahead = timedelta(minutes=15, seconds=1)
    assert await signer.refusal(ask(trader, revocation, 2)) == "clean_up_refused"


async def test_clean_up_of_one_trader_is_not_anothers(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place()
    revocation = await revoked(trader, bot.grant_id)
    await signer.ask(ask(trader, revocation))
    stranger = Trader(signer)
    await stranger.enrol()
    assert await signer.refusal(ask(stranger, revocation, 1)) == "clean_up_refused"
    assert await signer.refusal(ask(stranger, revocation)) == "clean_up_refused"


async def test_a_forged_credential_cancels_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place()
    revocation = await revoked(trader, bot.grant_id)
    await signer.ask(ask(trader, revocation))
    await signer.as_owner(
        ("UPDATE exchange_credential SET label = 'x' WHERE credential_id = $1",
         trader.credential_id)
    )  # fmt: skip
    assert await signer.refusal(ask(trader, revocation, 1)) == "evidence_forged"


async def test_without_a_revoke_there_is_nothing_to_clean(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """Neither the api nor the courier can store a revocation: only the cord's function does."""
    await bot.place()
    for db in (signer.api, signer.db):
        with pytest.raises(Exception, match="permission denied"):
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO revocation SELECT * FROM revocation")
    assert await signer.refusal(ask(trader, bot.grant_id, 1)) == "clean_up_refused"


async def test_a_clean_up_without_a_fence_or_of_another_order_signs_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """Somebody who owns the database invents a revoke, to cancel what the trader placed by hand."""
    placed = await bot.place()
    revocation = await revoked(trader, bot.grant_id)
    await signer.ask(ask(trader, revocation))
    await signer.as_owner(("DELETE FROM fence WHERE trader_id = $1", trader.trader_id))
    assert await signer.refusal(ask(trader, revocation, 1)) == "clean_up_refused"
    await signer.as_owner(
        (
            "INSERT INTO fence VALUES ($1, $2, 'trader', 5, 'test', now(), 1)",
            trader.trader_id,
            bot.grant_id,
        ),
        (
            "UPDATE bot_order SET client_order_id = 'by_hand' WHERE order_id = $1",
            placed.order_id,
        ),
    )
    signed = (await signer.ask(ask(trader, revocation, 1))).release
    assert signed is not None
    assert "by_hand" not in signed.path_and_query + signed.body.decode()


async def test_a_revoke_of_one_grant_cancels_no_order_of_another(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The item, and then the revocation too, rewritten to mean an order that is not revoked."""
    beside = await trader.grant()
    alive = await bot.place()
    await beside.place()
    revocation = await revoked(trader, beside.grant_id)
    await signer.ask(ask(trader, revocation))
    edits = (
        ("UPDATE cleanup_item SET order_id = $2 WHERE revocation_id = $1", alive.order_id),
        ("UPDATE revocation SET token_id = $2 WHERE revocation_id = $1", bot.grant_id),
    )
    for statement, value in edits:
        await signer.as_owner((statement, revocation, value))
        assert await signer.refusal(ask(trader, revocation, 1)) == "clean_up_refused"
    # Revoked too, but by another revoke: each receipt's items are its own.
    await revoked(trader, bot.grant_id)
    await signer.as_owner((edits[1][0], revocation, beside.grant_id))
    assert await signer.refusal(ask(trader, revocation, 1)) == "clean_up_refused"


async def test_a_second_revoke_opens_no_new_fifteen_minutes(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    first, second = await revoked(trader, bot.grant_id), await revoked(trader, trader.root_id)
    third = await revoked(trader, bot.grant_id)
    deadline = {
        row["revocation_id"]: row["cleanup_deadline_at"]
        for row in await signer.admin.fetch(
            "SELECT revocation_id, cleanup_deadline_at FROM revocation WHERE trader_id = $1",
            trader.trader_id,
        )
    }
    assert deadline[third] == deadline[first]
    assert deadline[second] > deadline[first]  # the root was not fenced before
