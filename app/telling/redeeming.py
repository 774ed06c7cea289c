"""`sign_statement` for an approval: that the trader approved exactly this, told once, to one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store
from app.approvals.catalogue import EXTERNAL
from app.approvals.errors import ApprovalNotApproved, ApprovalNotFound
from app.approvals.other_actions import ExternalAction
from app.core.clock import Clock
from app.db.pool import Database
from app.deciding.execution import Executions
from app.guardrails.rungs import Verb, check_rung, rung_at
from app.telling import id_tokens
from app.telling.errors import NotRedeemable
from app.tokens import store as tokens
from app.traders import store as traders
from app.vault.issuer import IssuerKey
from app.vault.models import LOCKED_DEADLINE_SECONDS
from app.verbs.wire import SignedStatement, SignRedemption

STATEMENT_LIFE: Final = timedelta(minutes=10)
"""How long the platform may act on it; it is told once, so this only bounds a lost copy."""


class Redeeming:
    """`issuer` is our public origin, `iss` of every statement."""

    def __init__(
        self, db: Database, executions: Executions, key: IssuerKey, clock: Clock, *, issuer: str
    ) -> None:
        self._db = db
        self._executions = executions
        self._key = key
        self._clock = clock
        self._issuer = issuer

    async def redeem(self, request: SignRedemption) -> SignedStatement:
        """Use up an approval for something outside, and sign that it was given.

        Raises
        ------
        ApprovalNotFound
            No such approval, or another platform's.
        NotRedeemable
            Tripcord carries this out itself: it is consumed by execution alone.
        ApprovalNotApproved, ActionMismatch, EvidenceForged, RungForbids, …
            As `Executions.use`; the second of two redeemers gets the first of these.
        """
        requester = f"platform:{request.platform_id}"
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            # (1) It is this platform's, and of a kind that is carried out elsewhere.
            asked = await store.get(tx, request.trader_id, request.approval_id)
            if asked is None or asked.requester != requester:
                raise ApprovalNotFound
            if asked.action_type not in EXTERNAL:
                raise NotRedeemable
            # (2) The trader is not contained since.
            trader = await traders.get(tx, request.trader_id)
            if trader is None or trader.root_id is None:
                raise ApprovalNotApproved
            level = await tokens.effective_level(tx, request.trader_id, [trader.root_id])
            check_rung(rung_at(level), Verb.REDEEM, node_id=trader.root_id)
            # (3) Its evidence again, then used up: once.
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=trader.root_id,
                shape=ExternalAction,
                action_type=asked.action_type,
                now=now,
            )
            if action.platform_id != request.platform_id:
                raise ApprovalNotFound
            decision = await store.get_decision(tx, request.trader_id, request.approval_id)
            if decision is None:
                raise ApprovalNotApproved
            if request.template == "id_token":
                id_tokens.check_method(decision)
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.APPROVAL_REDEEMED,
                    origin=request.origin,
                    token_id=trader.root_id,
                    path=[trader.root_id],
                    subject_id=approval.approval_id,
                    rule=approval.action_type,
                    request_digest=approval.digest,
                ),
            )
            # (4) Signed inside, so that what was signed was committed or is destroyed with us.
            amr: Sequence[str] = [decision.method]
            life, sign = STATEMENT_LIFE, self._key.sign_redemption
            if request.template == "id_token":
                amr, life = id_tokens.AMR[decision.method], id_tokens.LIFE
                sign = self._key.sign_id_token
            payload = id_tokens.claims(
                self._issuer, action, approval, decision, now, amr=amr, life=life
            )
            statement = await sign(payload, deadline_seconds=LOCKED_DEADLINE_SECONDS)
        return SignedStatement(statement)
