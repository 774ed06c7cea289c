"""Evidence, not rows: whoever edits a row in the database gets no signature out of it.

Every column of every row that the HSM vouches for is edited, attempted with, and put back; at the
end the untouched row does what it is for, so it was the edit that was refused.
"""

from collections import Counter

import pytest

from tests.core.keys import P256, Ed25519, canonical
from tests.signing.bot import Bot
from tests.signing.forging import HASHED, LATER, MORE, NEXT, OTHER_ID, Row
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORGED = "evidence_forged"


async def test_an_edited_device_decides_nothing(signer: Signer, trader: Trader, bot: Bot) -> None:
    edits = {
        "trader_id": OTHER_ID, "device_id": OTHER_ID, "root_id": OTHER_ID, "public_jwk": "$2",
        "name": MORE, "bound_at": LATER, "version": NEXT, "mac": HASHED,
    }  # fmt: skip
    held = await bot.hold()
    row = Row(signer, "device", "device_id", trader.bound.device_id)
    assert set(edits) == set(await row.columns())

    async def approve() -> str:
        return await signer.refusal(await trader.decide_request(held.approval_id))

    await trader.let_time_pass()
    refusals = await row.refusals(edits, approve, value=canonical(P256().jwk))
    assert Counter(refusals.values()) == {FORGED: 6, "device_rejected": 2}
    await trader.approve(held.approval_id)
    assert (await signer.ask(bot.execute(held.approval_id))).state == "released"


async def test_a_key_put_into_a_device_row_speaks_for_nobody(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The attack itself: the thief's key in the row, and a statement that it did sign."""
    thief, held = P256(), await bot.hold()
    row = Row(signer, "device", "device_id", trader.bound.device_id)
    await trader.let_time_pass()

    async def approve() -> str:
        return await signer.refusal(await trader.decide_request(held.approval_id, device=thief))

    assert await row.refusals({"public_jwk": "$2"}, approve, value=canonical(thief.jwk)) == {
        "public_jwk": FORGED
    }


async def test_an_edited_device_is_not_believed_at_execution_either(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold_and_approve()
    row = Row(signer, "device", "device_id", trader.bound.device_id)
    edits = {"root_id": OTHER_ID, "public_jwk": "$2", "name": MORE, "mac": HASHED}

    async def execute() -> str:
        return await signer.refusal(bot.execute(held.approval_id))

    refusals = await row.refusals(edits, execute, value=canonical(P256().jwk))
    assert set(refusals.values()) == {FORGED}
    assert (await signer.ask(bot.execute(held.approval_id))).state == "released"


async def test_an_edited_authenticator_proves_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    edits = {
        "trader_id": OTHER_ID, "factor_id": OTHER_ID, "root_id": OTHER_ID, "device_id": OTHER_ID,
        "algorithm": "'SHA256'", "digits": "8", "label": MORE, "bound_at": LATER, "version": NEXT,
        "mac": HASHED, "removed_at": "now()",
    }  # fmt: skip
    held = await bot.hold()
    row = Row(signer, "totp_factor", "factor_id", trader.factor_id)
    # A period other than 30 seconds cannot be stored at all.
    assert set(edits) | {"period_seconds"} == set(await row.columns())

    async def approve() -> str:
        await trader.let_time_pass()
        await trader.forgive_failures()
        return await signer.refusal(await trader.decide_request(held.approval_id))

    refusals = await row.refusals(edits, approve)
    assert Counter(refusals.values()) == {FORGED: 7, "totp_locked": 4}
    await trader.forgive_failures()
    await trader.approve(held.approval_id)


async def test_an_edited_credential_signs_nothing(signer: Signer, trader: Trader, bot: Bot) -> None:
    edits = {
        "trader_id": OTHER_ID, "credential_id": OTHER_ID, "root_id": OTHER_ID,
        "path": "path[2:2]", "device_id": OTHER_ID, "venue_id": "'binance'", "api_key_id": MORE,
        "algorithm": "'hmac-sha512'", "label": MORE, "envelope_sha256": HASHED,
        "state": "'verifying'", "refused_reason": "'no', state = 'refused'",
        "permissions": "{} || 'x'::text", "attested_at": LATER, "approval_id": OTHER_ID,
        "linked_at": LATER, "version": NEXT, "mac": HASHED,
    }  # fmt: skip
    row = Row(signer, "exchange_credential", "credential_id", trader.credential_id)
    assert set(edits) == set(await row.columns())
    await signer.admin.execute("INSERT INTO venue VALUES ('binance', 0) ON CONFLICT DO NOTHING")

    async def order() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.order())

    async def read() -> str:
        return await signer.refusal(trader.read("balances"))

    refusals = await row.refusals(edits, order)
    # Without a row under its id, or without a price at the venue it names, it ends even sooner.
    assert Counter(refusals.values()) == {FORGED: 15, "grant_unknown": 2, "market_unknown": 1}
    assert set((await row.refusals(edits, read)).values()) == {
        FORGED, "credential_not_found", "credential_not_active",
    }  # fmt: skip
    assert (await bot.place()).state == "released"
    assert (await signer.ask(trader.read("balances"))).release is not None


async def test_an_edited_grant_signs_nothing(signer: Signer, trader: Trader, bot: Bot) -> None:
    edits = {
        "trader_id": OTHER_ID, "grant_id": OTHER_ID, "root_id": OTHER_ID, "path": "path[3:3]",
        "credential_id": "$2::uuid", "approval_id": OTHER_ID, "model_jwk": HASHED,
        "limits": HASHED, "expires_at": LATER, "granted_at": LATER, "version": NEXT,
        "mac": HASHED,
    }  # fmt: skip
    row = Row(signer, "bot_grant", "grant_id", bot.grant_id)
    assert set(edits) == set(await row.columns())
    first, second = trader.credential_id, await trader.link()
    trader.credential_id = first
    signer.courier.releases.clear()
    await bot.place()

    async def order() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.order())

    refusals = await row.refusals(edits, order, value=second)
    assert set(refusals.values()) <= {
        FORGED, "grant_unknown", "signature_rejected", "action_mismatch",
    }  # fmt: skip
    assert Counter(refusals.values())[FORGED] == 8
    await signer.refusal(bot.order())  # the first one after it finds the model's key again
    assert (await bot.place()).state == "released"


async def test_a_wider_grant_written_into_the_row_is_not_granted(signer: Signer, bot: Bot) -> None:
    limits = await signer.admin.fetchval(
        "SELECT limits FROM bot_grant WHERE grant_id = $1", bot.grant_id
    )
    row = Row(signer, "bot_grant", "grant_id", bot.grant_id)
    wider = limits.replace(b'"amount":"600"', b'"amount":"2000"')
    assert wider != limits

    async def order() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.order("0.03"))

    assert await row.refusals({"limits": "$2"}, order, value=wider) == {"limits": FORGED}
    assert (await bot.place("0.03")).state == "held"


async def test_another_models_key_in_the_row_signs_nothing(signer: Signer, bot: Bot) -> None:
    thief = Ed25519()
    row = Row(signer, "bot_grant", "grant_id", bot.grant_id)

    async def order() -> str:
        await signer.refresh_market()
        first = await signer.refusal(bot.order(model=thief))  # may meet a key known from before
        return first and await signer.refusal(bot.order(model=thief))

    assert await row.refusals({"model_jwk": "$2"}, order, value=canonical(thief.jwk)) == {
        "model_jwk": FORGED
    }
