"""Leases: computed at use from the newest heartbeat the HSM vouches for, stored nowhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.core.ids import new_id
from app.core.origin import Origin
from app.tokens.models import Level
from app.verbs.wire import SealChange, SealedChange
from tests.core.keys import P256
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.test_ladder import impose
from tests.signing.trader import Trader
from tests.signing.tree import limits_in_row, narrow, narrow_request

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXPIRED = "guardrail_refused:lease_expired"


@pytest_asyncio.fixture(loop_scope="session")
async def leased(signer: Signer, trader: Trader, bot: Bot) -> AsyncIterator[Bot]:
    """Beside `bot`, one that trades only while the phone was seen within two hours."""
    requested, made = await trader.request_grant(lease_hours=2)
    await trader.approve_and_seal(requested.approval_id)
    signer.courier.releases.clear()
    assert bot.grant_id != made.grant_id
    yield made
    signer.clock.ahead *= 0


async def tap(trader: Trader, *, ago: timedelta = timedelta(0), **how: Any) -> SealedChange:
    """A heartbeat as it was sealed `ago`: the signer's clock is the test's."""
    signer = trader.signer
    signer.clock.ahead = -ago
    try:
        sealed: SealedChange = await signer.ask(trader.heartbeat(**how))
    finally:
        signer.clock.ahead *= 0
    return sealed


async def order(signer: Signer, bot: Bot) -> str:
    await signer.refresh_market()
    return await signer.refusal(bot.order())


async def test_without_a_heartbeat_a_leased_bot_trades_nothing_and_another_does(
    signer: Signer, bot: Bot, leased: Bot
) -> None:
    assert await order(signer, leased) == EXPIRED
    assert await order(signer, bot) == ""
    assert signer.signatures() == 1


async def test_the_lease_runs_out_by_itself_and_a_tap_alone_renews_it(
    signer: Signer, trader: Trader, leased: Bot
) -> None:
    await tap(trader, ago=timedelta(hours=2, seconds=5))
    assert await order(signer, leased) == EXPIRED
    row = await leased.row_of_last()
    assert row["rule"] == EXPIRED
    before = await signer.admin.fetchval(
        "SELECT version FROM bot_grant WHERE grant_id = $1", leased.grant_id
    )
    await tap(trader, ago=timedelta(hours=1, minutes=59))
    assert await order(signer, leased) == ""
    after = await signer.admin.fetchval(
        "SELECT version FROM bot_grant WHERE grant_id = $1", leased.grant_id
    )
    assert before == after == 1
    log = await signer.log(trader.trader_id)
    assert [row["event"] for row in log].count("device.heartbeat") == 2


async def test_the_refusal_names_the_node_whose_lease_it_is(signer: Signer, leased: Bot) -> None:
    await signer.refresh_market()
    with pytest.raises(Exception, match="guardrail_refused") as refused:
        await signer.ask(leased.order())
    assert refused.value.node == str(leased.grant_id)  # type: ignore[attr-defined]


async def test_a_held_order_is_carried_out_only_within_the_lease(
    signer: Signer, trader: Trader, leased: Bot
) -> None:
    await signer.refresh_market()
    assert await signer.refusal(leased.order("0.02")) == EXPIRED  # not even asked about
    await tap(trader)
    held = await leased.hold_and_approve()
    await signer.as_owner(("DELETE FROM device_heartbeat WHERE trader_id = $1", trader.trader_id))
    assert await signer.refusal(leased.execute(held.approval_id)) == EXPIRED
    assert signer.signatures() == 0


async def test_a_heartbeat_is_heard_once_and_time_never_goes_back(
    signer: Signer, trader: Trader, leased: Bot
) -> None:
    first = trader.heartbeat()
    await signer.ask(first)
    for stale in (first, trader.heartbeat(ago=0, iat=_iat(trader)), trader.heartbeat(ago=60)):
        assert await signer.refusal(stale) == "heartbeat_refused:replayed"
    assert await order(signer, leased) == ""


def _iat(trader: Trader) -> int:
    return int(trader.signer.clock.now().timestamp()) - 1


async def test_of_many_taps_at_once_one_is_kept(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    taps = [trader.heartbeat() for _ in range(4)]
    outcomes = await asyncio.gather(*(signer.ask(tap) for tap in taps), return_exceptions=True)
    assert sum(isinstance(outcome, SealedChange) for outcome in outcomes) >= 1
    row = await signer.admin.fetchrow(
        "SELECT count(*) AS rows, max(version) AS version FROM device_heartbeat"
        " WHERE trader_id = $1", trader.trader_id
    )  # fmt: skip
    accepted = sum(isinstance(outcome, SealedChange) for outcome in outcomes)
    assert (row["rows"], row["version"]) == (1, accepted)


async def _of_another_key(trader: Trader) -> SealChange:
    return trader.heartbeat(device=P256())


async def _for_another_trader(trader: Trader) -> SealChange:
    return trader.heartbeat(trader_id=str(new_id()))


async def _for_another_device(trader: Trader) -> SealChange:
    return trader.heartbeat(device_id=str(new_id()))


async def _of_another_domain(trader: Trader) -> SealChange:
    return trader.heartbeat(domain="tripcord/decision/v1")


async def _too_old(trader: Trader) -> SealChange:
    return trader.heartbeat(ago=301)


async def _from_the_future(trader: Trader) -> SealChange:
    return trader.heartbeat(ago=-301)


async def _by_a_foreign_device(trader: Trader) -> SealChange:
    other = Trader(trader.signer)
    await other.enrol()
    theirs = other.heartbeat(trader_id=str(trader.trader_id))
    return SealChange(
        trader_id=trader.trader_id, origin=other.origin,
        statement=theirs.statement,
    )  # fmt: skip


async def _of_nobody(trader: Trader) -> SealChange:
    tap = trader.heartbeat()
    return SealChange(
        trader_id=trader.trader_id, origin=Origin(actor="device:x"),
        statement=tap.statement,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "refused"),
    [
        (_of_another_key, "signature_rejected"), (_for_another_trader, "statement_rejected"),
        (_for_another_device, "statement_rejected"), (_of_another_domain, "signature_rejected"),
        (_too_old, "statement_rejected"), (_from_the_future, "statement_rejected"),
        (_by_a_foreign_device, "device_rejected"), (_of_nobody, "device_rejected"),
    ],
)  # fmt: skip
async def test_a_heartbeat_that_is_not_this_devices_word_renews_nothing(
    signer: Signer, trader: Trader, leased: Bot,
    made: Callable[[Trader], Awaitable[SealChange]], refused: str,
) -> None:  # fmt: skip
    assert await signer.refusal(await made(trader)) == refused
    assert await order(signer, leased) == EXPIRED


@pytest.mark.parametrize("level", [Level.FROZEN, Level.REVOKED], ids=["frozen", "revoked"])
async def test_a_device_that_is_out_of_hand_renews_nothing_and_what_it_renewed_ends(
    signer: Signer, trader: Trader, leased: Bot, level: Level
) -> None:
    await tap(trader, ago=timedelta(minutes=1))
    assert await order(signer, leased) == ""
    await impose(trader, trader.bound.device_id, level)
    assert await order(signer, leased) == EXPIRED
    forbidden = f"containment_forbids:{level.name.lower()}"
    assert await signer.refusal(trader.heartbeat()) == forbidden
    assert signer.signatures() == 1


@pytest.mark.parametrize(
    "edit",
    [
        "seen_at = now()", "issued_at = now(), seen_at = now()", "statement = 'x'",
        "version = version + 1", "nonce = sha256('x')",
    ],
)  # fmt: skip
async def test_a_row_that_was_edited_makes_nothing_sign(
    signer: Signer, trader: Trader, leased: Bot, edit: str
) -> None:
    await tap(trader, ago=timedelta(hours=1))
    await signer.as_owner(
        (f"UPDATE device_heartbeat SET {edit} WHERE trader_id = $1", trader.trader_id)
    )
    assert await order(signer, leased) == "evidence_forged"
    assert signer.signatures() == 0


async def test_a_heartbeat_of_another_root_counts_nothing(
    signer: Signer, trader: Trader, leased: Bot
) -> None:
    await tap(trader)
    await signer.as_owner(
        ("UPDATE device_heartbeat SET root_id = $2 WHERE trader_id = $1",
         trader.trader_id, trader.credential_id)
    )  # fmt: skip
    assert await order(signer, leased) == EXPIRED


async def test_a_change_is_named_by_an_approval_or_by_a_statement_never_by_both_or_neither(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    tap = trader.heartbeat()
    both = SealChange(
        trader_id=trader.trader_id, origin=trader.origin, approval_id=new_id(),
        statement=tap.statement,
    )  # fmt: skip
    neither = SealChange(trader_id=trader.trader_id, origin=trader.origin)
    other = SealChange(
        trader_id=trader.trader_id, origin=trader.origin,
        statement=trader.bind_request(await trader.another_code()).statement,
    )  # fmt: skip
    assert await signer.refusal(both) == "malformed"
    assert await signer.refusal(neither) == "approval_not_found"
    assert await signer.refusal(other) == "signature_rejected"


async def test_a_grant_says_whether_it_has_a_lease(signer: Signer, bot: Bot, leased: Bot) -> None:
    limits = "SELECT limits FROM bot_grant WHERE grant_id = $1"
    assert b'"lease_hours":null' in await signer.admin.fetchval(limits, bot.grant_id)
    assert b'"lease_hours":2' in await signer.admin.fetchval(limits, leased.grant_id)


async def test_a_narrowing_shortens_a_lease_or_begins_one_and_never_lengthens_it(
    signer: Signer, trader: Trader, bot: Bot, leased: Bot
) -> None:
    """One signature of the phone; the bot is stopped by it at once where the tap is older."""
    await tap(trader, ago=timedelta(minutes=90))
    assert [await order(signer, one) for one in (bot, leased)] == ["", ""]
    for longer in (3, 720):
        asked = narrow_request(trader, leased.grant_id, 1, lease_hours=longer)
        assert await signer.refusal(asked) == "wider_than_parent:lease_hours"
    await narrow(trader, leased.grant_id, lease_hours=1)
    assert [await order(signer, one) for one in (bot, leased)] == ["", EXPIRED]
    await narrow(trader, bot.grant_id, lease_hours=1)
    assert [await order(signer, one) for one in (bot, leased)] == [EXPIRED, EXPIRED]
    assert (await limits_in_row(trader, bot.grant_id)).lease_hours == 1
    await tap(trader)
    assert [await order(signer, one) for one in (bot, leased)] == ["", ""]
    for nothing in (0, 721, True):
        asked = narrow_request(trader, leased.grant_id, 2, lease_hours=nothing)
        assert await signer.refusal(asked) == "signature_rejected"
