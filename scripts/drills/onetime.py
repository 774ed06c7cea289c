"""Everything that is accepted once, and how it is redeemed: the table that races run by.

Each row is the product's own call, the one conditional write of its store, as its process makes it.
An idempotency key joins here with its table.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.approvals import standings
from app.approvals import store as approvals
from app.approvals.models import ApprovalState
from app.core.canonical import sha256
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.errors import Conflict
from app.db.pool import Tx
from app.otp import push_store
from app.otp import store as otp
from app.otp.push import MAX_ATTEMPTS, PushOtp
from app.recovery import store as recovery
from app.recovery.models import ReEnrolment, ReEnrolmentState
from app.sessions import store as sessions
from app.signing.rows import OrderRow, finish
from app.tokens import store as tokens
from app.traders import store as traders
from app.webauthn import store as passkeys
from scripts.drills.planting import MAC, Ground, add_approval

Given = dict[str, str]
"""What one round is about: texts, so that they can be sent to other processes."""


@dataclass(frozen=True, slots=True)
class OneTime:
    """`wins`: how many of a crowd may succeed. `role`: the process that redeems it."""

    name: str
    role: str
    plant: Callable[[Any, Ground], Awaitable[Given]]
    redeem: Callable[[Tx, Given, int], Awaitable[bool]]
    wins: int = 1


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _ids(given: Given, *names: str) -> list[UUID]:
    return [UUID(given[name]) for name in names]


async def _an_approval(owner: Any, ground: Ground, state: str) -> Given:
    approval_id = await add_approval(owner, ground, state)
    return {"trader": str(ground.trader_id), "approval": str(approval_id)}


# --- TOTP -----------------------------------------------------------------------------------------


async def _plant_step(owner: Any, ground: Ground) -> Given:
    step = await owner.fetchval(
        "SELECT last_used_step + 1 FROM totp_state WHERE trader_id = $1", ground.trader_id
    )
    return {
        "trader": str(ground.trader_id), "factor": str(ground.factor_id), "step": str(step),
    }  # fmt: skip


async def _spend_step(tx: Tx, given: Given, _: int) -> bool:
    trader_id, factor_id = _ids(given, "trader", "factor")
    return await otp.spend_step(tx, trader_id, factor_id, int(given["step"]))


async def _plant_guesses(owner: Any, ground: Ground) -> Given:
    await owner.execute(
        "UPDATE totp_state SET consecutive_failures = 0, locked_until = NULL WHERE trader_id = $1",
        ground.trader_id,
    )
    return {"trader": str(ground.trader_id), "root": str(ground.root_id), "at": _now().isoformat()}


async def _guess(tx: Tx, given: Given, _: int) -> bool:
    trader_id, root_id = _ids(given, "trader", "root")
    at = datetime.fromisoformat(given["at"])
    return await otp.reserve_attempt(tx, trader_id, root_id, at) is not None


# --- codes and numbers ----------------------------------------------------------------------------


async def _plant_push_otp(owner: Any, ground: Ground) -> Given:
    given, at = await _an_approval(owner, ground, "pending"), _now()
    await owner.execute(
        "INSERT INTO push_otp (trader_id, approval_id, root_id, device_id, statement, tag, made_at,"
        " expires_at, attempts) VALUES ($1, $2, $3, $4, '-', $5, $6, $7, 1)",
        *(ground.trader_id, UUID(given["approval"]), ground.root_id, ground.device_id, MAC),
        *(at, at + timedelta(minutes=2)),
    )
    return given | {"root": str(ground.root_id), "device": str(ground.device_id)}


async def _spend_push_otp(tx: Tx, given: Given, _: int) -> bool:
    trader_id, approval_id, root_id, device_id = _ids(given, "trader", "approval", "root", "device")
    code = PushOtp(
        trader_id=trader_id, approval_id=approval_id, root_id=root_id, device_id=device_id,
        statement="-", tag=MAC, made_at=_now(), expires_at=_now(), attempts=1,
    )  # fmt: skip
    return await push_store.spend(tx, code, _now())


async def _guess_push_otp(tx: Tx, given: Given, _: int) -> bool:
    trader_id, approval_id = _ids(given, "trader", "approval")
    return await push_store.reserve_attempt(tx, trader_id, approval_id, _now()) is not None


async def _plant_challenge(owner: Any, ground: Ground) -> Given:
    challenge_id, at = new_id(), _now()
    await owner.execute(
        "INSERT INTO passkey_challenge (trader_id, challenge_id, purpose, bound_to, challenge,"
        " created_at, expires_at) VALUES ($1, $2, 'register', $3, $4, $5, $6)",
        *(ground.trader_id, challenge_id, str(ground.device_id), MAC, at),
        at + timedelta(minutes=5),
    )
    given = {"trader": ground.trader_id, "challenge": challenge_id, "device": ground.device_id}
    return {name: str(value) for name, value in given.items()}


async def _take_challenge(tx: Tx, given: Given, _: int) -> bool:
    trader_id, challenge_id = _ids(given, "trader", "challenge")
    taken = await passkeys.take_challenge(
        tx, trader_id, challenge_id, purpose="register", bound_to=given["device"], now=_now()
    )
    return taken is not None


async def _plant_pending(owner: Any, ground: Ground) -> Given:
    return await _an_approval(owner, ground, "pending")


async def _decide(tx: Tx, given: Given, number: int) -> bool:
    """A number's guess: right or wrong, it ends the approval."""
    trader_id, approval_id = _ids(given, "trader", "approval")
    state = (ApprovalState.APPROVED, ApprovalState.DENIED)[number % 2]
    return await approvals.decide(tx, trader_id, approval_id, state, _now())


# --- approvals, sign-ins, enrolment ---------------------------------------------------------------


async def _plant_approved(owner: Any, ground: Ground) -> Given:
    return await _an_approval(owner, ground, "approved")


async def _consume(tx: Tx, given: Given, _: int) -> bool:
    trader_id, approval_id = _ids(given, "trader", "approval")
    return await approvals.consume(tx, trader_id, approval_id, _now())


async def _consume_leaf(tx: Tx, given: Given, _: int) -> bool:
    trader_id, approval_id = _ids(given, "trader", "approval")
    return await standings.consume_leaf(tx, trader_id, approval_id, 0, _now())


async def _plant_session(owner: Any, ground: Ground) -> Given:
    given, session_id = await _an_approval(owner, ground, "pending"), new_id()
    await owner.execute(
        "INSERT INTO session (trader_id, session_id, jkt, address, user_agent, approval_id,"
        " created_at, expires_at) VALUES ($1, $2, 'k', '-', '-', $3, now(),"
        " now() + interval '5 minutes')",
        *(ground.trader_id, session_id, UUID(given["approval"])),
    )
    return given | {"session": str(session_id)}


async def _set_code(tx: Tx, given: Given, _: int) -> bool:
    trader_id, session_id = _ids(given, "trader", "session")
    session = await sessions.get(tx, trader_id, session_id)
    if session is None:
        return False
    return await sessions.set_code(tx, session, verified_at=_now(), factor_id=session_id, mac=MAC)


async def _plant_enrolment_code(owner: Any, ground: Ground) -> Given:
    code_id = new_id()
    await owner.execute(
        "INSERT INTO enrolment_code (trader_id, code_id, code_hash, expires_at)"
        " VALUES ($1, $2, $3, now() + interval '10 minutes')",
        *(ground.trader_id, code_id, MAC),
    )
    return {"trader": str(ground.trader_id), "code": str(code_id)}


async def _redeem_code(tx: Tx, given: Given, number: int) -> bool:
    trader_id, code_id = _ids(given, "trader", "code")
    return await traders.redeem_code(tx, trader_id, code_id, _now(), f"key-{number}")


async def _plant_recovery_code(owner: Any, ground: Ground) -> Given:
    code_id = new_id()
    await owner.execute(
        "UPDATE re_enrolment SET state = 'cancelled', ended_at = now(), version = version + 1"
        " WHERE trader_id = $1 AND state = 'waiting'",
        ground.trader_id,
    )
    await owner.execute(
        "INSERT INTO recovery_code VALUES ($1, $2, 1, $3, $4, '{}', now(), 1, $5)",
        *(ground.trader_id, code_id, ground.root_id, ground.device_id, MAC),
    )
    return {"trader": str(ground.trader_id), "root": str(ground.root_id), "code": str(code_id)}


async def _begin(tx: Tx, given: Given, _: int) -> bool:
    trader_id, root_id, code_id = _ids(given, "trader", "root", "code")
    at, day = _now(), timedelta(hours=24)
    begun = ReEnrolment(
        trader_id=trader_id, re_enrolment_id=new_id(), root_id=root_id, code_id=code_id,
        public_jwk=b"{}", name="drill", push_kind=None, push_registration=None,
        authenticator_lost=False, begun_at=at, not_before=at + day, expires_at=at + 2 * day,
        state=ReEnrolmentState.WAITING, ended_at=None, ended_by=None, version=1, mac=MAC,
    )  # fmt: skip
    return await recovery.begin(tx, begun)


# --- orders and proofs ----------------------------------------------------------------------------


async def _plant_sequence(_: Any, ground: Ground) -> Given:
    return {
        "trader": str(ground.trader_id), "root": str(ground.root_id),
        "credential": str(ground.credential_id), "grant": str(ground.grant_id),
        "sequence": str(ground.next_sequence()),
    }  # fmt: skip


async def _place(tx: Tx, given: Given, number: int) -> bool:
    trader_id, root_id, credential_id, grant_id = _ids(
        given, "trader", "root", "credential", "grant"
    )
    order_id = new_id()
    order = OrderRow(
        trader_id=trader_id, order_id=order_id, grant_id=grant_id, credential_id=credential_id,
        sequence=int(given["sequence"]), jws=str(number), jws_digest=sha256(b"%d" % number),
        venue_id="sandbox", market=None, side=None, order_type=None, quantity=None, price=None,
        time_in_force=None, notional=Decimal(0), quote=None, client_order_id=str(order_id),
        approval_id=None, state="refused", rule="drill", request_digest=None, created_at=_now(),
        released_at=None,
    )  # fmt: skip
    try:
        await finish(
            tx, order, path=[root_id, credential_id, grant_id], event="order.refused",
            origin=Origin(actor="drill"), reserve=False,
        )  # fmt: skip
    except Conflict:
        return False
    return True


async def _plant_proof(_: Any, __: Ground) -> Given:
    return {"jti": str(new_id())}


async def _spend_proof(tx: Tx, given: Given, _: int) -> bool:
    return await tokens.spend_proof(
        tx, "drill", sha256(given["jti"].encode()), _now() + timedelta(minutes=1)
    )


TABLE: tuple[OneTime, ...] = (
    OneTime("totp_step", "signer", _plant_step, _spend_step),
    OneTime("totp_guesses", "signer", _plant_guesses, _guess, wins=otp.MAX_CONSECUTIVE_FAILURES),
    OneTime("push_otp", "signer", _plant_push_otp, _spend_push_otp),
    OneTime("push_otp_guesses", "signer", _plant_push_otp, _guess_push_otp, wins=MAX_ATTEMPTS - 1),
    OneTime("passkey_challenge", "signer", _plant_challenge, _take_challenge),
    OneTime("number", "signer", _plant_pending, _decide),
    OneTime("approval", "signer", _plant_approved, _consume),
    OneTime("batch_leaf", "signer", _plant_approved, _consume_leaf),
    OneTime("sign_in_code", "signer", _plant_session, _set_code),
    OneTime("enrolment_code", "signer", _plant_enrolment_code, _redeem_code),
    OneTime("recovery_code", "signer", _plant_recovery_code, _begin),
    OneTime("order_sequence", "signer", _plant_sequence, _place),
    OneTime("dpop_jti", "api", _plant_proof, _spend_proof),
)
