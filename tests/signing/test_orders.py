"""`sign_order`: what is released, held and refused, once, and what is written of it."""

import asyncio
import hashlib
import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

from app.accesslog.models import LOCKED_CHAIN
from app.exchanges.client_ids import client_order_id
from app.signing.holding import Holding
from app.verbs.wire import OrderOutcome
from tests.db.chain import chain_of, faults
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader
from tests.vault.phone import hmac_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def used(signer: Signer, trader: Trader) -> dict[Any, Decimal]:
    rows = await signer.admin.fetch(
        "SELECT token_id, notional FROM node_usage WHERE trader_id = $1", trader.trader_id
    )
    return {row["token_id"]: row["notional"] for row in rows}


async def test_an_order_inside_the_free_limit_is_signed_logged_reserved_and_released(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    request = bot.order()
    outcome: OrderOutcome = await signer.ask(request)
    assert (outcome.state, outcome.sequence, outcome.approval_id) == ("released", 1, None)
    assert outcome.client_order_id == client_order_id(outcome.order_id)
    # What left is the order that was signed, with the venue's own signature on it.
    (release,) = signer.courier.releases
    assert (release.purpose, release.subject_id) == ("order", outcome.order_id)
    assert release.credential_id == trader.credential_id
    unsigned, _, signature = release.body.decode().rpartition("&signature=")
    sent = {name: values[0] for name, values in parse_qs(unsigned).items()}
    assert Decimal(sent["quantity"]) == Decimal("0.01")
    assert (sent["symbol"], sent["side"], sent["newClientOrderId"]) == (
        "BTCUSDT", "BUY", outcome.client_order_id,
    )  # fmt: skip
    assert signature == hmac_of(trader.secret, "hmac-sha256", unsigned.encode()).hex()
    # The row, the log entry and the reservation on every node are of the same commit.
    row = await bot.row(outcome.order_id)
    assert (row["state"], row["quantity"], row["notional"]) == (
        "released", Decimal("0.01"), Decimal(500),
    )  # fmt: skip
    assert row["jws_digest"] == hashlib.sha256((request.order or "").encode()).digest()
    entry = (await signer.log(trader.trader_id))[-1]
    path = [trader.root_id, trader.credential_id, bot.grant_id]
    assert (entry["event"], entry["outcome"], entry["path"]) == ("order.released", "ok", path)
    assert (entry["subject_id"], entry["request_digest"]) == (
        outcome.order_id, row["request_digest"],
    )  # fmt: skip
    assert await used(signer, trader) == dict.fromkeys(path, Decimal(500))


async def test_an_order_above_the_free_limit_is_held_and_asked(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    assert signer.signatures() == 0
    row = await bot.row(held.order_id)
    assert (row["state"], row["approval_id"]) == ("held", held.approval_id)
    assert row["request_digest"] is None
    approval = await signer.admin.fetchrow(
        "SELECT * FROM approval WHERE approval_id = $1", held.approval_id
    )
    shown = json.loads(approval["action"])
    assert (shown["type"], shown["order"]["quantity"]) == ("trade.order", "0.02")
    assert shown["notional"] == {"amount": "1000", "quote": "USDT"}
    assert approval["expires_at"] - approval["created_at"] == timedelta(seconds=120)
    assert await used(signer, trader) == {}
    assert (await signer.log(trader.trader_id))[-1]["event"] == "order.held"


async def test_an_approved_order_is_released_once_however_often_it_is_asked_for(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold_and_approve()
    await signer.refresh_market()
    tries = (signer.ask(bot.execute(held.approval_id)) for _ in range(64))
    results = await asyncio.gather(*tries, return_exceptions=True)
    refused = Counter(type(r).__name__ for r in results if isinstance(r, BaseException))
    assert set(refused) <= {"TraderBusy"}
    assert {r.state for r in results if isinstance(r, OrderOutcome)} == {"released"}
    assert signer.signatures() == 1
    released = [e for e in await signer.log(trader.trader_id) if e["event"] == "order.released"]
    assert len(released) == 1
    assert (await used(signer, trader))[bot.grant_id] == 1000
    # And later too: the first outcome, never a second signature.
    again = await signer.ask(bot.execute(held.approval_id))
    assert (again.order_id, again.state) == (held.order_id, "released")
    assert signer.signatures() == 1


async def test_two_signers_release_an_approved_order_once_between_them(
    signer: Signer, bot: Bot
) -> None:
    second, held = await signer.twin(), await bot.hold_and_approve()
    for released, verb in enumerate((bot.execute(held.approval_id), bot.order()), start=1):
        await signer.refresh_market()
        results = await asyncio.gather(
            *(each.ask(verb) for _ in range(8) for each in (signer, second)),
            return_exceptions=True,
        )
        assert {type(r).__name__ for r in results} <= {"OrderOutcome", "TraderBusy"}
        assert signer.signatures() + second.signatures() == released
    await second.close()


async def test_an_order_that_was_not_approved_is_not_released(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    undecided = await bot.hold()
    assert await signer.refusal(bot.execute(undecided.approval_id)) == "approval_not_approved"
    for decision, state in (("deny", "denied"), ("fraud", "fraud")):
        held = await bot.hold()
        await signer.ask(await trader.decide_request(held.approval_id, decision))
        assert (await signer.ask(bot.execute(held.approval_id))).state == "refused"
        assert (await bot.row(held.order_id))["rule"] == state
        assert await signer.refusal(await trader.decide_request(held.approval_id)) == (
            "approval_not_pending"
        )
    assert signer.signatures() == 0


LATER = (
    "UPDATE approval SET created_at = created_at - interval '5 minutes',"
    " expires_at = expires_at - interval '5 minutes' WHERE approval_id = $1"
)
"""A moment in the past for the row is the same as later for the clock."""


async def test_an_approval_that_ran_out_releases_nothing(signer: Signer, bot: Bot) -> None:
    held = await bot.hold_and_approve()
    await signer.as_owner((LATER, held.approval_id))
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    assert signer.signatures() == 0


async def test_a_held_order_that_nobody_approved_in_time_ends_and_is_logged(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    waiting, late = await bot.hold(), await bot.hold()
    await signer.as_owner((LATER, late.approval_id))
    holding = Holding(signer.db, cast("Any", None))
    for _ in range(2):
        await holding.expire_overdue(signer.clock.now())
    assert (await bot.row(late.order_id))["state"] == "expired"
    assert (await bot.row(waiting.order_id))["state"] == "held"
    ended = [e for e in await signer.log(trader.trader_id) if e["rule"] == "approval_expired"]
    assert [e["subject_id"] for e in ended] == [late.order_id]
    await trader.let_time_pass()
    assert await signer.refusal(await trader.decide_request(late.approval_id)) == (
        "approval_not_pending"
    )
    assert (await signer.ask(bot.execute(late.approval_id))).state == "expired"
    assert signer.signatures() == 0


async def test_the_same_order_again_gets_its_first_outcome(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    request = bot.order()
    first = await signer.ask(request)
    results = await asyncio.gather(
        *(signer.ask(request) for _ in range(20)), return_exceptions=True
    )
    assert {type(r).__name__ for r in results} <= {"OrderOutcome", "TraderBusy"}
    assert {r.order_id for r in results if isinstance(r, OrderOutcome)} == {first.order_id}
    assert signer.signatures() == 1
    held_request = bot.order("0.02")
    held = await signer.ask(held_request)
    assert await signer.ask(held_request) == held
    assert (await used(signer, trader))[bot.grant_id] == 500


async def test_one_order_sent_64_times_at_once_is_signed_once(signer: Signer, bot: Bot) -> None:
    request = bot.order()
    results = await asyncio.gather(
        *(signer.ask(request) for _ in range(64)), return_exceptions=True
    )
    assert {type(r).__name__ for r in results} <= {"OrderOutcome", "TraderBusy"}
    assert signer.signatures() == 1


async def test_another_order_under_a_spent_number_is_refused_and_logged(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await signer.ask(bot.order())
    assert await signer.refusal(bot.order("0.011", sequence=1)) == "sequence_reused"
    assert signer.signatures() == 1
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["outcome"], entry["rule"]) == ("refused", "sequence_reused")


async def test_a_market_order_is_a_limit_at_the_collar_and_is_approved_as_such(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    intent = {"kind": "order", "market": "BTCUSDT", "side": "buy", "type": "market",
              "quantity": "0.02"}  # fmt: skip
    held = await bot.hold(intent=intent)
    await trader.approve(held.approval_id)
    await signer.refresh_market()
    outcome = await signer.ask(bot.execute(held.approval_id))
    assert outcome.state == "released"
    sent = parse_qs(signer.courier.releases[0].body.decode())
    assert (sent["type"], sent["timeInForce"], sent["price"]) == (["LIMIT"], ["IOC"], ["50500.01"])


async def test_the_whole_chain_of_a_trader_verifies(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await bot.place()
    await signer.refusal(bot.order("0.5"))
    await trader.revoke(trader.root_id)
    rows, head = await chain_of(signer.admin, trader.trader_id, LOCKED_CHAIN)
    assert faults(rows, head) == []
    assert [row["event"] for row in rows] == [
        "device.bound", "sealing_key.opened", "factor.bound", "sealing_key.opened",
        "credential.imported", "credential.verifying", "venue.read", "approval.requested",
        "approval.decided", "credential.linked", "grant.requested", "approval.decided",
        "grant.sealed", "order.released", "order.refused", "token.revoked",
    ]  # fmt: skip


async def test_an_approved_order_goes_out_only_at_a_price_of_now(signer: Signer, bot: Bot) -> None:
    held = await bot.hold_and_approve()
    await signer.refresh_market(age=timedelta(seconds=6))
    assert await signer.refusal(bot.execute(held.approval_id)) == "market_unknown:price_stale"
    assert signer.signatures() == 0
