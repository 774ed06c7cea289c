"""Statements replayed, swapped or sent under other ids: all that was signed is compared."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.core.ids import new_id
from app.core.origin import Origin
from app.verbs.wire import BindDevice, Decide, SignOrder
from tests.core.keys import P256, jws
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAR = datetime(2100, 1, 1, tzinfo=UTC)


async def test_a_decision_about_one_approval_is_not_one_about_another(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """Replayed and swapped statements: every part of what was signed is compared."""
    shown, hidden = await bot.hold(), await bot.hold("0.03", "50000.00")
    statement = await trader.decision(shown.approval_id)
    await trader.let_time_pass()
    relayed = Decide(
        trader_id=trader.trader_id, approval_id=hidden.approval_id, statement=statement,
        code=trader.code(), origin=trader.origin,
    )  # fmt: skip
    assert await signer.refusal(relayed) == "approval_not_found"
    row = await signer.admin.fetchrow(
        "SELECT * FROM approval WHERE approval_id = $1", hidden.approval_id
    )
    assert row["state"] == "pending"
    await signer.ask(await trader.decide_request(shown.approval_id))
    # The same statement again, with a new code.
    await trader.let_time_pass()
    again = msgspec.structs.replace(relayed, approval_id=shown.approval_id, code=trader.code())
    assert await signer.refusal(again) == "approval_not_pending"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"digest": "A" * 43}, "action_mismatch"),
        ({"nonce": "A" * 43}, "action_mismatch"),
        ({"approval_id": str(UUID(int=7))}, "approval_not_found"),
        ({"trader_id": str(UUID(int=7))}, "statement_rejected"),
        ({"device_id": str(UUID(int=7))}, "statement_rejected"),
        ({"method": "none"}, "malformed"),
        ({"decision": "deny"}, "malformed"),
        ({"domain": "tripcord/link/v1"}, "signature_rejected"),
        ({"more": 1}, "signature_rejected"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
async def test_a_statement_about_anything_else_decides_nothing(
    signer: Signer, trader: Trader, bot: Bot, change: dict[str, Any], refused: str
) -> None:
    held = await bot.hold()
    await trader.let_time_pass()
    request = await trader.decide_request(held.approval_id, claims=change)
    assert await signer.refusal(request) == refused
    # Refused before any code was looked at: no attempt was charged.
    assert await trader.failures() == 0
    assert (await signer.log(trader.trader_id))[-1]["rule"] == refused


async def test_a_statement_by_another_key_decides_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held, thief = await bot.hold(), Trader(signer)
    await thief.enrol()
    await trader.let_time_pass()
    forged = await trader.decide_request(held.approval_id, device=thief.device)
    assert await signer.refusal(forged) == "signature_rejected"
    for device_id in (thief.bound.device_id, new_id(), None):
        lent = Origin(actor="device:x", device_id=device_id)
        refused = await signer.refusal(msgspec.structs.replace(forged, origin=lent))
        assert refused in {"device_rejected", "approval_not_found"}
    assert await trader.failures() == 0


async def test_another_traders_device_decides_and_reads_nothing_here(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """P10: under either trader's id the answer is that there is no such thing."""
    held, stranger = await bot.hold(), Trader(signer)
    await stranger.ready()
    signer.courier.releases.clear()
    await stranger.let_time_pass()
    crossed = await stranger.decide_request(held.approval_id)
    assert await signer.refusal(crossed) == "approval_not_found"
    inside = msgspec.structs.replace(crossed, trader_id=trader.trader_id)
    assert await signer.refusal(inside) == "device_rejected"
    moved = msgspec.structs.replace(bot.execute(held.approval_id), trader_id=stranger.trader_id)
    assert await signer.refusal(moved) == "approval_not_found"
    taken = msgspec.structs.replace(
        stranger.seal_request(held.approval_id), trader_id=stranger.trader_id
    )
    assert await signer.refusal(taken) == "approval_not_found"
    stolen = msgspec.structs.replace(bot.order(), trader_id=stranger.trader_id)
    assert await signer.refusal(stolen) == "grant_unknown"
    foreign_key = msgspec.structs.replace(
        stranger.read("balances"), credential_id=trader.credential_id
    )
    assert await signer.refusal(foreign_key) == "credential_not_found"
    assert signer.signatures() == 0


async def test_verbs_about_nothing_find_nothing(signer: Signer, trader: Trader, bot: Bot) -> None:
    nothing = new_id()
    assert await signer.refusal(bot.execute(nothing)) == "approval_not_found"
    assert await signer.refusal(trader.seal_request(nothing)) == "approval_not_found"
    empty = SignOrder(
        trader_id=trader.trader_id, grant_id=None, order=None, approval_id=None,
        origin=trader.origin,
    )  # fmt: skip
    assert await signer.refusal(empty) == "approval_not_found"
    unnamed = msgspec.structs.replace(bot.order(), grant_id=None)
    assert await signer.refusal(unnamed) == "grant_unknown"
    assert signer.signatures() == 0


async def test_a_second_phone_cannot_be_bound_by_the_api_alone(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    thief = P256()
    code = await trader.another_code()
    honest = trader.bind_request(code, device=thief)
    assert await signer.refusal(honest) == "enrolment_refused"
    claims = {"domain": "tripcord/bind-device/v1", "trader_id": str(trader.trader_id)}
    for statement in ("", "a.b.c", jws(thief, DEVICE_TYP, claims)):
        forged: BindDevice = msgspec.structs.replace(honest, statement=statement)
        assert await signer.refusal(forged) == "signature_rejected"
    devices = await signer.admin.fetchval(
        "SELECT count(*) FROM device WHERE trader_id = $1", trader.trader_id
    )
    assert devices == 1
    assert bot.sequence == 0
