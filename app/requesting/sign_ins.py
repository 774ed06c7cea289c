"""A browser asks to sign in; the code and the phone together make it a session."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import needs
from app.approvals import store as approvals
from app.approvals.actions import SignIn
from app.approvals.asking import ask
from app.approvals.errors import PromptsExhausted
from app.approvals.lineages import lineage_at
from app.approvals.models import Approval, ApprovalState
from app.core import token
from app.core.clock import Clock
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.guardrails.strength import METHOD_STRENGTH
from app.outbox.models import Topic
from app.policies import store as policies
from app.policies.errors import PolicyDenies
from app.sessions import store
from app.sessions.errors import SessionNotFound
from app.sessions.models import ATTEMPT_LIFE, Session
from app.tokens import store as tokens
from app.tokens.models import SESSION_LIFE, Level, NewNode
from app.traders import store as traders


class SignInView(msgspec.Struct, frozen=True, kw_only=True):
    """`bearer` is there once, when the attempt became a session."""

    session_id: UUID
    state: str
    approval_id: UUID
    expires_at: datetime
    bearer: token.Token | None = None


class SignIns:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def begin(self, trader_id: UUID, jkt: str, origin: Origin) -> SignInView:
        """Store the attempt and ring the phones about it, in one commit.

        An unknown trader gets the same kind of answer: an attempt that nobody will ever approve.
        """
        now, session_id = self._clock.now(), new_id()
        view = SignInView(
            session_id=session_id,
            state="pending",
            approval_id=new_id(),
            expires_at=now + ATTEMPT_LIFE,
        )
        async with self._db.locked(trader_id) as tx:
            trader = await traders.get(tx, trader_id)
            if trader is None or trader.root_id is None:
                return view
            if await tokens.effective_level(tx, trader_id, [trader.root_id]) >= Level.FROZEN:
                return view
            try:
                approval = await self._ask(tx, trader_id, session_id, jkt, origin, now)
            except (PolicyDenies, PromptsExhausted) as refused:
                # As to whoever names a trader that does not exist: no refusal tells them apart.
                rule = f"{refused.code}:{refused.rule}" if refused.rule else refused.code
                await self._log(tx, trader_id, session_id, origin, rule=rule)
                return view
            session = Session(
                trader_id=trader_id,
                session_id=session_id,
                jkt=jkt,
                address=origin.address or "",
                user_agent=origin.user_agent or "",
                approval_id=approval.approval_id,
                code_verified_at=None,
                code_factor_id=None,
                code_mac=None,
                state="pending",
                created_at=now,
                expires_at=view.expires_at,
            )
            await store.insert(tx, session)
            await self._log(tx, trader_id, session_id, origin, digest=approval.digest)
        return msgspec.structs.replace(view, approval_id=approval.approval_id)

    async def _ask(
        self, tx: Tx, trader_id: UUID, session_id: UUID, jkt: str, origin: Origin, now: datetime
    ) -> Approval:
        return await ask(
            tx,
            SignIn(
                trader_id=trader_id,
                session_id=session_id,
                address=origin.address or "",
                user_agent=origin.user_agent or "",
                jkt=jkt,
                at=now,
            ),
            requester=f"session:{session_id}",
            lineage=lineage_at(origin.address),
            subject_id=session_id,
            now=now,
            life=ATTEMPT_LIFE,
            address=origin.address,
            topic=Topic.LOGIN,
        )

    async def _log(
        self,
        tx: Tx,
        trader_id: UUID,
        session_id: UUID,
        origin: Origin,
        *,
        digest: bytes | None = None,
        rule: str | None = None,
    ) -> None:
        await append_locked(
            tx,
            Entry(
                trader_id=trader_id,
                event=Event.SESSION_REQUESTED,
                origin=origin,
                subject_id=session_id,
                outcome="ok" if rule is None else "refused",
                rule=rule,
                request_digest=digest,
            ),
        )

    async def get(self, trader_id: UUID, session_id: UUID, jkt: str) -> Session:
        """The attempt, for the key that began it, or raise SessionNotFound."""
        async with self._db.session() as tx:
            session = await store.get(tx, trader_id, session_id)
        if session is None or session.jkt != jkt or session.expires_at <= self._clock.now():
            raise SessionNotFound
        return session

    async def conclude(
        self, trader_id: UUID, session_id: UUID, jkt: str, origin: Origin
    ) -> SignInView:
        """Make the session once both halves are in; the token is shown once.

        Raises
        ------
        SessionNotFound
            No such attempt of this key, or its time is over.
        ParentNotActive
            The root is contained: nobody signs in under it.
        PolicyDenies
            The policy asks for more by now than there was; begin again.
        """
        await self.get(trader_id, session_id, jkt)
        async with self._db.locked(trader_id) as tx:
            session = await store.get(tx, trader_id, session_id)
            now = self._clock.now()
            if session is None or session.expires_at <= now:
                raise SessionNotFound
            approval = await approvals.get(tx, trader_id, session.approval_id)
            trader = await traders.get(tx, trader_id)
            if approval is None or trader is None or trader.root_id is None:
                raise SessionNotFound
            view = SignInView(
                session_id=session_id,
                state=session.state,
                approval_id=session.approval_id,
                expires_at=session.expires_at,
            )
            if session.state != "pending":
                return view
            if approval.state in {ApprovalState.DENIED, ApprovalState.FRAUD}:
                await store.set_state(tx, trader_id, session_id, "denied")
                return msgspec.structs.replace(view, state="denied")
            if approval.state is not ApprovalState.APPROVED or session.code_mac is None:
                return view
            decision = await approvals.get_decision(tx, trader_id, session.approval_id)
            # Approved by nobody that we know of, or by a phone of a root that is gone (P8).
            if (
                decision is None
                or decision.decision != "approve"
                or decision.root_id != trader.root_id
            ):
                raise SessionNotFound
            # The phone that said yes may still say so: it was not contained since.
            said_by = [decision.device_id]  # the root is looked at where the session is minted
            if await tokens.effective_level(tx, trader_id, said_by) >= Level.FROZEN:
                raise SessionNotFound
            await self._check_policy(tx, approval, decision.method, now)
            bearer = token.mint(token.TokenKind.SESSION, trader_id, session_id)
            node = await tokens.mint(
                tx,
                NewNode(
                    trader_id=trader_id,
                    token_id=session_id,
                    kind="session",
                    parent_id=trader.root_id,
                    label="browser",
                    expires_at=now + SESSION_LIFE,
                    scope=["read"],
                    secret_hash=bearer.secret_hash(),
                    jkt=jkt,
                ),
            )
            await store.set_state(tx, trader_id, session_id, "active")
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.SESSION_STARTED,
                    origin=origin,
                    token_id=session_id,
                    path=node.path,
                    subject_id=session.approval_id,
                ),
            )
        return msgspec.structs.replace(view, state="active", bearer=bearer)

    async def _check_policy(self, tx: Tx, approval: Approval, method: str, now: datetime) -> None:
        """The session is made now, so the policy is asked now, once more."""
        standing = await policies.standing(tx, approval.trader_id, None, approval.action_type, now)
        moment = needs.Moment(asked_from=approval.asked_from, asked_at=approval.created_at, now=now)
        needed = await needs.strength_needed(
            tx, standing, approval.trader_id, approval.action_type, approval.action, moment
        )
        if METHOD_STRENGTH[method] < needed:
            raise PolicyDenies(rule=approval.action_type)
