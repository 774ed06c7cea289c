"""What `sign_order` refuses and why; a refusal is logged and spends its number."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.core.errors import DomainError
from app.verbs.wire import OrderOutcome, SignOrder
from tests.core.keys import Ed25519
from tests.signing.bot import Bot, now
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def used(signer: Signer, trader: Trader) -> dict[Any, Decimal]:
    rows = await signer.admin.fetch(
        "SELECT token_id, notional FROM node_usage WHERE trader_id = $1", trader.trader_id
    )
    return {row["token_id"]: row["notional"] for row in rows}


@pytest.mark.parametrize(
    ("issued", "expires"),
    [(-40, -20), (-30, 0), (5, 25), (0, 31), (0, 0), (0, -1), (-1, 30), (600, 630)],
)
async def test_a_signature_stands_for_at_most_thirty_seconds_from_now(
    signer: Signer, bot: Bot, issued: int, expires: int
) -> None:
    request = bot.order(iat=now() + issued, exp=now() + expires)
    assert await signer.refusal(request) == "order_expired"
    assert signer.signatures() == 0
    # Before the lock: the number is not spent.
    assert (await bot.place(sequence=1)).state == "released"


async def test_a_model_whose_clock_is_a_little_ahead_is_heard(signer: Signer, bot: Bot) -> None:
    assert (await signer.ask(bot.order(iat=now() + 1, exp=now() + 21))).state == "released"


async def test_an_order_by_another_key_is_refused(signer: Signer, trader: Trader, bot: Bot) -> None:
    other = await trader.grant()
    for request in (bot.order(model=Ed25519()), bot.order(model=other.model)):
        assert await signer.refusal(request) == "signature_rejected"
    # Signed well by the other grant's model, for the other grant, and sent for this one.
    swapped = other.order()
    forged = SignOrder(
        trader_id=trader.trader_id, grant_id=bot.grant_id, order=swapped.order,
        approval_id=None, origin=swapped.origin,
    )  # fmt: skip
    assert await signer.refusal(forged) == "signature_rejected"
    other_id = str(other.grant_id)
    for request in (bot.order(grant_id=other_id), bot.order(trader_id=other_id)):
        assert await signer.refusal(request) == "signature_rejected"
    assert await signer.refusal(bot.order(typ="tripcord+jws")) == "signature_rejected"
    assert signer.signatures() == 0
    assert {e["rule"] for e in (await signer.log(trader.trader_id))[-6:]} == {"signature_rejected"}


async def test_a_grant_that_is_not_sealed_yet_signs_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    _, dead = await trader.request_grant()
    assert await signer.refusal(dead.order()) == "grant_unknown"
    assert signer.signatures() == 0
    assert bot.sequence == 0


async def test_without_a_courier_nothing_is_signed(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    signer.courier.connected = False
    assert await signer.refusal(bot.order()) == "courier_absent"
    held = await bot.hold()  # asking a person needs none
    await trader.approve(held.approval_id)
    assert await signer.refusal(bot.execute(held.approval_id)) == "courier_absent"
    assert signer.signatures() == 0
    assert (await bot.row(held.order_id))["state"] == "refused"


async def refused_order(signer: Signer, trader: Trader, request: SignOrder) -> tuple[str, Any]:
    """(rule of the refusal, the order's row): with its sequence spent and the refusal logged."""
    code = await signer.refusal(request)
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["event"], entry["outcome"]) == ("order.refused", "refused")
    row = await signer.admin.fetchrow(
        "SELECT * FROM bot_order WHERE order_id = $1", entry["subject_id"]
    )
    assert (row["state"], row["rule"], row["rule"]) == ("refused", entry["rule"], code)
    assert row["request_digest"] is None
    # The spent number answers with its outcome; it does not become an order later.
    assert (await signer.ask(request)).state == "refused"
    return code, row


async def test_a_stale_or_absent_price_refuses(signer: Signer, trader: Trader, bot: Bot) -> None:
    for age, rule in (
        (timedelta(seconds=6), "market_unknown:price_stale"),
        (timedelta(seconds=-10), "guardrail_refused:price_from_future"),
    ):
        await signer.refresh_market(age=age)
        code, _ = await refused_order(signer, trader, bot.order())
        assert code == rule
    await signer.admin.execute("DELETE FROM market_price WHERE market = 'ETHUSDT'")
    intent = {"kind": "order", "market": "ETHUSDT", "side": "buy", "type": "market",
              "quantity": "0.1"}  # fmt: skip
    code, _ = await refused_order(signer, trader, bot.order(intent=intent))
    assert code == "market_unknown"
    assert signer.signatures() == 0


async def test_a_closed_market_refuses(signer: Signer, trader: Trader, bot: Bot) -> None:
    await signer.refresh_market(trading=False)
    code, _ = await refused_order(signer, trader, bot.order())
    assert code == "guardrail_refused:market_closed"
    assert signer.signatures() == 0


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (("0.05", "50000.00"), "guardrail_refused:max_order"),
        (("0.01", "60000.00"), "guardrail_refused:price_band"),
        (("0.01", "50000.001"), "venue_filter_refused:venue_filter"),
    ],
)
async def test_a_guardrail_refuses_with_its_rule_and_spends_the_number(
    signer: Signer, trader: Trader, bot: Bot, order: tuple[str, str], rule: str
) -> None:
    code, _ = await refused_order(signer, trader, bot.order(*order))
    assert code == rule
    assert signer.signatures() == 0
    assert await used(signer, trader) == {}


async def test_the_allocation_is_reserved_by_releases_and_then_refuses(
    signer: Signer, trader: Trader
) -> None:
    bot = await trader.ready(allocation="1200", max_order="600", free_limit="600")
    signer.courier.releases.clear()
    assert [(await bot.place()).state for _ in range(2)] == ["released", "released"]
    code, _ = await refused_order(signer, trader, bot.order())
    assert code == "guardrail_refused:allocation"
    assert signer.signatures() == 2
    assert (await used(signer, trader))[bot.grant_id] == 1000


async def test_racing_orders_never_pass_the_allocation_together(
    signer: Signer, trader: Trader
) -> None:
    """Reserved under the lock: five at once of 500 into 1200 leave room for two."""
    bot = await trader.ready(allocation="1200", max_order="600", free_limit="600")
    signer.courier.releases.clear()
    results = await asyncio.gather(
        *(signer.ask(bot.order()) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(r, OrderOutcome) for r in results) == 2
    assert all(isinstance(r, OrderOutcome | DomainError) for r in results)
    assert signer.signatures() == 2


@pytest.mark.parametrize(
    "intent",
    [
        {}, {"kind": "withdraw"},
        {"kind": "order", "market": "BTCUSDT", "side": "buy", "type": "limit", "quantity": "1"},
        {"kind": "order", "market": "BTCUSDT", "side": "buy", "type": "limit", "quantity": 1,
         "price": "1"},
        {"kind": "order", "market": "BTCUSDT", "side": "buy", "type": "limit", "quantity": "1",
         "price": "1", "stop_price": "1"},
        {"kind": "order", "market": "BTC/../USDT ", "side": "buy", "type": "market",
         "quantity": "1"},
    ],
)  # fmt: skip
async def test_an_intent_we_do_not_know_is_malformed(
    signer: Signer, bot: Bot, intent: dict[str, Any]
) -> None:
    assert await signer.refusal(bot.order(intent=intent)) == "malformed"
    assert signer.signatures() == 0


async def test_a_node_whose_clock_disagrees_with_the_database_signs_nothing(
    signer: Signer, bot: Bot
) -> None:
    for ahead in (3, -3):
        signer.clock.ahead = timedelta(seconds=ahead)
        request = bot.order(iat=now() + ahead, exp=now() + ahead + 20)
        assert await signer.refusal(request) == "clock_doubt"
    assert signer.signatures() == 0
