"""An api in a thief's hands: everything its login and its socket allow, and no signature.

It may insert approvals and sessions, mint dead grants, and call every verb with what it likes. It
has no device key, no model key and no code that was not typed into it.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from app.approvals import store as approvals
from app.approvals.actions import (
    Action,
    Amount,
    BotGrant,
    KeyLink,
    ModelCard,
    TradeOrder,
    action_bytes,
)
from app.approvals.models import Approval, ApprovalState
from app.core.canonical import sha256
from app.core.ids import new_id
from tests.core.keys import P256, Ed25519, text
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAR = datetime(2100, 1, 1, tzinfo=UTC)
_DECISION = """
    INSERT INTO decision
    VALUES ($1, $2, $3, $4, $5, $6, 'approve', 'device_number', NULL, $7, now(), 1, $8)
"""
_PUSH_OTP = """
    INSERT INTO push_otp
    VALUES ($1, $2, $3, $4, $5, $6, now(), now() + interval '1 minute', 0, NULL)
"""


async def insert_approval(
    signer: Signer, action: Action, action_type: str, subject_id: UUID, *, raw: bytes | None = None
) -> UUID:
    """An approval that nobody asked for, as the api's login can store it."""
    raw, now = raw or action_bytes(action), signer.clock.now()
    approval = Approval(
        trader_id=action.trader_id, approval_id=new_id(), requester="device:x",
        action_type=action_type, action=raw, digest=sha256(raw), nonce=secrets.token_bytes(32),
        required_strength="out_of_band", subject_id=subject_id, state=ApprovalState.PENDING,
        created_at=now, expires_at=now + timedelta(minutes=5), decided_at=None, consumed_at=None,
    )  # fmt: skip
    async with signer.api.transaction() as tx:
        await approvals.insert(tx, approval)
    return approval.approval_id


def a_grant(trader: Trader, grant_id: UUID, model: Ed25519, **changes: Any) -> BotGrant:
    huge = Amount(amount="1000000", quote="USDT")
    fields: dict[str, Any] = {
        "trader_id": trader.trader_id, "grant_id": grant_id,
        "credential_id": trader.credential_id, "venue": "sandbox", "label": "mine",
        "model": ModelCard(name="m", digest="d", version="1", jkt=model.jkt),
        "model_jwk": model.jwk, "markets": ["BTCUSDT"], "allocation": huge, "free_limit": huge,
        "max_order": huge, "expires_at": FAR, "requested_by": "x",
    }  # fmt: skip
    return BotGrant(**fields | changes)


def an_order(trader: Trader, order_id: UUID, bot: Bot) -> TradeOrder:
    return TradeOrder(
        trader_id=trader.trader_id, grant_id=bot.grant_id, order_id=order_id,
        credential_id=trader.credential_id, venue="sandbox", model="model 1",
        order={"market": "BTCUSDT", "side": "sell", "type": "limit", "quantity": "1",
               "price": "50000", "time_in_force": "GTC"},
        notional=Amount(amount="1", quote="USDT"), client_order_id="tc0",
        signed_order_sha256="x" * 43,
    )  # fmt: skip


async def test_a_forged_approval_cannot_be_stored_as_approved(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    for column in ("state", "decided_at", "consumed_at"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with signer.api.transaction() as tx:
                await tx.execute(
                    f"INSERT INTO approval (trader_id, approval_id, {column}) VALUES ($1,$1,NULL)",
                    trader.trader_id,
                )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with signer.api.transaction() as tx:
                await tx.execute(
                    f"UPDATE approval SET {column} = {column} WHERE approval_id = $1",
                    held.approval_id,
                )


async def test_an_approval_marked_approved_in_the_database_executes_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    requested, dead = await trader.request_grant()
    for approval in (held.approval_id, requested.approval_id):
        await signer.as_owner(
            ("UPDATE approval SET state = 'approved', decided_at = now() WHERE approval_id = $1",
             approval)
        )  # fmt: skip
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    sealed = await signer.refusal(trader.seal_request(requested.approval_id))
    assert sealed == "approval_not_approved"
    assert await signer.refusal(dead.order()) == "grant_unknown"
    assert signer.signatures() == 0


async def test_one_approvals_decision_does_not_serve_for_another(signer: Signer, bot: Bot) -> None:
    """The decision row copied, MAC and all, to an approval that nobody decided."""
    decided, wanted = await bot.hold_and_approve(), await bot.hold()
    row = dict(
        await signer.admin.fetchrow(
            "SELECT * FROM decision WHERE approval_id = $1", decided.approval_id
        )
    )
    holes = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    target = await signer.admin.fetchrow(
        "SELECT nonce, digest FROM approval WHERE approval_id = $1", wanted.approval_id
    )
    await signer.as_owner(
        ("UPDATE approval SET state = 'approved', decided_at = now() WHERE approval_id = $1",
         wanted.approval_id)
    )  # fmt: skip
    for changes in (
        {"approval_id": wanted.approval_id},
        {"approval_id": wanted.approval_id, "nonce": target["nonce"], "digest": target["digest"]},
    ):
        forged = row | changes
        await signer.as_owner(
            ("DELETE FROM decision WHERE approval_id = $1", wanted.approval_id),
            (f"INSERT INTO decision VALUES ({holes})", *forged.values()),
        )
        refused = await signer.refusal(bot.execute(wanted.approval_id))
        assert refused in {"action_mismatch", "evidence_forged"}
    assert signer.signatures() == 0


async def test_an_approval_of_the_apis_own_making_still_needs_the_person(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """It can ask for a huge grant to its own key; undecided, its grant is worth nothing."""
    thief = Ed25519()
    requested, dead = await trader.request_grant(model=thief)
    wider = a_grant(trader, requested.bearer.token_id, thief)
    own = await insert_approval(signer, wider, "bot.grant", requested.bearer.token_id)
    assert await signer.refusal(trader.seal_request(own)) == "approval_not_approved"
    assert await signer.refusal(dead.order("5")) == "grant_unknown"
    assert signer.signatures() == 0
    assert bot.sequence == 0


async def test_a_sign_in_that_was_approved_is_no_grant_and_no_order(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """One type shown and another stored beside it: the type stands in the bytes that are signed."""
    thief, held = Ed25519(), await bot.hold()
    requested, dead = await trader.request_grant(model=thief)
    wider = a_grant(trader, requested.bearer.token_id, thief)
    disguised = {
        "session.sign_in": (wider, requested.bearer.token_id),
        "trade.key_link": (wider, trader.credential_id),
        "trade.order": (an_order(trader, held.order_id, bot), held.order_id),
    }
    for action_type, (action, subject) in disguised.items():
        approval = await insert_approval(signer, action, action_type, subject)
        await trader.approve(approval)
        for verb in (trader.seal_request(approval), bot.execute(approval)):
            assert await signer.refusal(verb), action_type
    assert await signer.refusal(dead.order("5")) == "grant_unknown"
    assert signer.signatures() == 0


async def test_an_approved_order_that_the_model_never_signed_is_not_sent(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The person is tricked into approving; there still is no order of the model's to send."""
    held = await bot.hold()
    row = await bot.row(held.order_id)
    action = msgspec.structs.replace(
        an_order(trader, held.order_id, bot), client_order_id=row["client_order_id"]
    )
    approval = await insert_approval(signer, action, "trade.order", held.order_id)
    await trader.approve(approval)
    assert await signer.refusal(bot.execute(approval)) == "approval_not_found"
    await signer.as_owner(
        ("UPDATE bot_order SET approval_id = $2 WHERE order_id = $1", held.order_id, approval)
    )
    assert await signer.refusal(bot.execute(approval)) == "action_mismatch"
    # And with the digest of the true order in it: the terms that were shown are not the model's.
    digest = text(row["jws_digest"])
    close = msgspec.structs.replace(action, signed_order_sha256=digest)
    approval = await insert_approval(signer, close, "trade.order", held.order_id)
    await signer.as_owner(
        ("UPDATE bot_order SET approval_id = $2 WHERE order_id = $1", held.order_id, approval)
    )
    await trader.approve(approval)
    assert await signer.refusal(bot.execute(approval)) == "action_mismatch"
    assert signer.signatures() == 0


async def test_a_grant_is_sealed_only_as_shown_on_the_node_it_was_asked_for(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """Approved by the person, and still: another key, node, credential or venue refuses."""
    requested, _ = await trader.request_grant()
    node, thief = requested.bearer.token_id, Ed25519()
    shown = a_grant(trader, node, thief)
    for action, subject in (
        (shown, node),  # the node is bound to another key
        (a_grant(trader, bot.grant_id, bot.model), node),
        (a_grant(trader, node, bot.model), bot.grant_id),
        (a_grant(trader, node, thief, credential_id=trader.root_id), node),
        (a_grant(trader, node, thief, venue="binance"), node),
        (a_grant(trader, node, thief), trader.credential_id),
        (a_grant(trader, node, thief), trader.root_id),
    ):
        approval = await insert_approval(signer, action, "bot.grant", subject)
        await trader.approve(approval)
        refused = await signer.refusal(trader.seal_request(approval))
        assert refused == "grant_refused", (action.venue, subject)
    assert await signer.admin.fetchval(
        "SELECT count(*) FROM bot_grant WHERE trader_id = $1", trader.trader_id
    ) == 1  # fmt: skip


async def test_a_link_is_made_active_only_with_the_rights_that_were_read_back(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    await trader.import_key()
    await trader.attest()
    digest = await signer.admin.fetchval(
        "SELECT action FROM approval WHERE trader_id = $1", trader.trader_id
    )
    shown = msgspec.json.decode(digest, type=KeyLink)
    changes: list[dict[str, Any]] = [
        {"permissions": []}, {"api_key_id": "other"}, {"venue": "binance"},
        {"envelope_sha256": "A" * 43},
    ]  # fmt: skip
    for change in changes:
        action = msgspec.structs.replace(shown, **change)
        approval = await insert_approval(signer, action, "trade.key_link", trader.credential_id)
        await trader.approve(approval)
        assert await signer.refusal(trader.seal_request(approval)) == "link_refused"
    # Word for word the same, but not the approval that the read-back asked for.
    twin = await insert_approval(signer, shown, "trade.key_link", trader.credential_id)
    await trader.approve(twin)
    assert await signer.refusal(trader.seal_request(twin)) == "link_refused"
    state = await signer.admin.fetchval(
        "SELECT state FROM exchange_credential WHERE trader_id = $1", trader.trader_id
    )
    assert state == "verifying"


async def test_an_action_that_is_not_canonical_is_not_carried_out(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    requested, _ = await trader.request_grant()
    shown = a_grant(trader, requested.bearer.token_id, Ed25519())
    raw, own = action_bytes(shown), str(trader.credential_id).encode()
    odds = [raw.replace(b":", b": ", 1), raw + b" ", raw[:-1] + b',"venue":"sandbox"}']
    # Canonical, and read as the same action: and yet not what we would have asked.
    odds += [raw.replace(own, own.upper()), raw.replace(own, own.replace(b"-", b""))]
    assert raw not in odds
    for odd in odds:
        approval = await insert_approval(
            signer, shown, "bot.grant", requested.bearer.token_id, raw=odd
        )
        await trader.approve(approval)
        assert await signer.refusal(trader.seal_request(approval)) == "action_mismatch"
    assert bot.sequence == 0


async def test_what_a_thief_types_for_a_person_is_a_guess_and_ends_the_request(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """It may ask for numbers, as it relays them; it has no phone's signature to put them in."""
    held = await bot.hold()
    number = await bot.number(held.approval_id)
    claims = {"method": "device_number", "number": number}
    forged = await trader.decide_request(held.approval_id, code=None, claims=claims, device=P256())
    assert await signer.refusal(forged) == "signature_rejected"
    # What the phone signed with another number is not made right by what is sent beside it.
    other = f"{(int(number) + 1) % 10_000:04d}"
    typed = await trader.decide_request(
        held.approval_id, code=None, claims=claims | {"number": other}
    )
    beside = msgspec.structs.replace(typed, code=number)
    assert await signer.refusal(beside) == "malformed"
    assert await signer.refusal(typed) == "wrong_number"
    assert (await signer.ask(bot.execute(held.approval_id))).state == "refused"
    assert signer.signatures() == 0


async def test_a_phones_word_about_one_request_is_none_about_another(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """Swapped digests, nonces and ids: the statement, the number and the row are one request's."""
    mine, wanted = await bot.hold(), await bot.hold()
    number = await bot.number(mine.approval_id)
    claims = {"method": "device_number", "number": number}
    signed = await trader.decide_request(mine.approval_id, code=None, claims=claims)
    crossed = msgspec.structs.replace(signed, approval_id=wanted.approval_id)
    assert await signer.refusal(crossed) == "approval_not_found"
    # The row of the other one edited to be word for word what was signed, but for its id.
    row = await signer.admin.fetchrow(
        "SELECT nonce, action FROM approval WHERE approval_id = $1", mine.approval_id
    )
    await signer.as_owner(
        ("UPDATE approval SET nonce = $2, action = $3, digest = sha256($3) WHERE approval_id = $1",
         wanted.approval_id, row["nonce"], row["action"])
    )  # fmt: skip
    assert await signer.refusal(crossed) == "approval_not_found"
    twin = await trader.decide_request(wanted.approval_id, code=None, claims=claims)
    # Its number is its own, although nonce, digest and requester are the same.
    assert await signer.refusal(twin) == "wrong_number"
    assert (await bot.row(wanted.order_id))["state"] == "refused"
    assert (await bot.row(mine.order_id))["state"] == "held"
    assert signer.signatures() == 0


async def test_a_decision_by_a_number_that_nobody_compared_is_no_evidence(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The phone's true signature with a wrong number, and a row that says it was right."""
    held = await bot.hold()
    number = await bot.number(held.approval_id)
    other = f"{(int(number) + 1) % 10_000:04d}"
    claims = {"method": "device_number", "number": other}
    statement = await trader.decision(held.approval_id, claims=claims)
    shown = await signer.admin.fetchrow(
        "SELECT nonce, digest FROM approval WHERE approval_id = $1", held.approval_id
    )
    await signer.as_owner(
        ("UPDATE approval SET state = 'approved', decided_at = now() WHERE approval_id = $1",
         held.approval_id),
        (_DECISION, trader.trader_id, held.approval_id, trader.root_id,
         trader.bound.device_id, shown["nonce"], shown["digest"], statement,
         secrets.token_bytes(32)),
    )  # fmt: skip
    assert await signer.refusal(bot.execute(held.approval_id)) == "evidence_forged"
    assert signer.signatures() == 0


async def test_a_told_code_of_its_own_making_decides_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    made_up = bot.typed_request(held.approval_id, "12345678")
    assert await signer.refusal(made_up) == "push_code_rejected"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with signer.api.transaction() as tx:
            await tx.execute("SELECT * FROM push_otp WHERE trader_id = $1", trader.trader_id)
    # A row written by somebody with the database in his hands, with the device's old word in it.
    statement = await trader.decision(held.approval_id, claims={"method": "push_otp"})
    await signer.as_owner(
        (_PUSH_OTP, trader.trader_id, held.approval_id, trader.root_id, trader.bound.device_id,
         statement, secrets.token_bytes(32)),
    )  # fmt: skip
    assert await signer.refusal(made_up) == "push_code_rejected"
    assert signer.signatures() == 0
