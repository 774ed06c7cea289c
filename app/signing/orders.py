"""`sign_order`: steps (1) to (8)."""

from typing import Protocol
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.errors import ApprovalNotFound
from app.core.canonical import sha256
from app.core.clock import Clock, unix_micros
from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.jose import SignatureRejected
from app.core.statements import Order
from app.db.errors import DatabaseUnavailable, TraderBusy
from app.db.pool import Database, Tx
from app.deciding.errors import ClockDoubt
from app.devices.models import Heartbeat
from app.exchanges.attaching import attach
from app.exchanges.client_ids import client_order_id
from app.exchanges.models import SignedRequest
from app.exchanges.registry import dialect_of
from app.guardrails.intents import parse_intent
from app.guardrails.models import OrderTerms, RequireApproval, Verdict
from app.guardrails.rules import decide
from app.signing import guard
from app.signing.errors import CourierAbsent, GrantUnknown, SequenceReused
from app.signing.holding import Holding
from app.signing.leases import check_leases
from app.signing.policy import check_policy
from app.signing.rows import Begun, OrderRow, begin, finish, request_digest, wrapped_key
from app.signing.statements import CLOCK_TOLERANCE, OrderStatements, verify_again
from app.vault.unwrap import SigningKeys
from app.verbs.wire import OrderOutcome, Release, SignOrder


class Courier(Protocol):
    """Where released requests go."""

    @property
    def connected(self) -> bool: ...

    def release(self, release: Release) -> None:
        """Hand over without waiting; what is lost here is reconciled by client order id."""


class OrderSigning:
    def __init__(
        self,
        db: Database,
        keys: SigningKeys,
        holding: Holding,
        courier: Courier,
        clock: Clock,
    ) -> None:
        self._db = db
        self._keys = keys
        self._holding = holding
        self._courier = courier
        self._clock = clock
        self._statements = OrderStatements(db, clock)

    async def sign_order(self, request: SignOrder) -> OrderOutcome:
        """Release, hold or refuse one order; a held one goes on when its approval is named.

        Raises
        ------
        SignatureRejected, GrantUnknown, OrderExpired, Malformed, AmountRefused
            Before the lock: the sequence number is not spent.
        SequenceReused
            The number was spent on another order.
        GuardrailRefused, MarketUnknown, CourierAbsent, HsmUnavailable, EvidenceForged, …
            After the lock: logged, and the sequence number is spent.
        """
        if request.order is not None:
            return await self._new(request, request.order)
        if request.approval_id is None:
            raise ApprovalNotFound
        return await self._held(request, request.approval_id)

    async def _new(self, request: SignOrder, jws: str) -> OrderOutcome:
        # (1) The model signed exactly this, for this grant, within 30 seconds.
        claims, key = await self._statements.verify(request, jws)
        terms, digest = parse_intent(claims.intent), sha256(jws.encode())
        release: Release | None = None
        refusal: DomainError | None = None
        async with self._db.signing(request.trader_id) as tx:
            # (2) The lock, then everything else, read after it.
            begun = await self._begin(tx, claims, terms.market, key)
            if begun.prior is not None:
                return await self._answer_again(tx, begun, begun.prior, digest, request)
            order = _order(begun, claims, jws, digest)
            try:
                outcome, release = await self._decide(tx, begun, order, terms, request)
            except (DatabaseUnavailable, TraderBusy):
                raise
            except DomainError as error:
                refusal = error
                await self._refuse(tx, begun, order, error, request)
        if refusal is not None:
            raise refusal
        # (8) Committed: only now does the courier get it.
        if release is not None:
            self._courier.release(release)
        return outcome

    async def _held(self, request: SignOrder, approval_id: UUID) -> OrderOutcome:
        order, claims, key = await self._holding.order_of(
            request.trader_id, approval_id, verify_again, leaf=request.leaf
        )
        release: Release | None = None
        refusal: DomainError | None = None
        async with self._db.signing(request.trader_id) as tx:
            begun = await self._begin(tx, claims, order.market or "", key)
            if begun.prior is None:
                raise ApprovalNotFound
            if begun.prior.state != "held":
                digest = begun.prior.jws_digest
                return await self._answer_again(tx, begun, begun.prior, digest, request)
            # (4) The approval: its evidence verified again, and used up.
            terms = await self._holding.approved_terms(tx, begun, claims, approval_id, request.leaf)
            try:
                outcome, release = await self._decide(
                    tx, begun, begun.prior, terms, request, approved=True
                )
            except (DatabaseUnavailable, TraderBusy):
                raise
            except DomainError as error:
                refusal = error
                await self._refuse(tx, begun, begun.prior, error, request)
        if refusal is not None:
            raise refusal
        if release is not None:
            self._courier.release(release)
        return outcome

    async def _decide(
        self,
        tx: Tx,
        begun: Begun,
        order: OrderRow,
        terms: OrderTerms,
        request: SignOrder,
        *,
        approved: bool = False,
    ) -> tuple[OrderOutcome, Release | None]:
        # (3) Guardrails on every node of the path, with fresh prices. A held order came from its
        # bot when it was held; now it is the phone that speaks.
        if not approved:
            guard.check_origin(begun, request.origin.address)
        verdict = decide(
            guard.policy(begun), guard.state(begun), terms, guard.market_view(begun), begun.now
        )
        heartbeats = await check_leases(tx, begun)
        if approved and verdict.order != terms:
            raise SignatureRejected
        order = guard.with_terms(order, verdict.order, verdict.notional)
        # (4) The policy wants a person: hold, ask (which it can deny), answer the approval's id.
        if isinstance(verdict, RequireApproval) and not approved:
            held = await self._holding.hold(tx, begun, order, verdict, request.origin)
            return _outcome(held), None
        # Where nobody has to be asked it can still deny; what was approved was asked about.
        if not approved:
            await check_policy(tx, begun, order, request.origin.address)
        # (5) Somebody can send it; the request says what the intent says.
        if not self._courier.connected:
            raise CourierAbsent
        # (6) Every MAC verified and the request signed inside the HSM, in one call.
        signed = await self._sign(begun, order, verdict, heartbeats)
        # (7) Counters, sequence, consumption and log entry in this one commit.
        released = msgspec.structs.replace(
            order,
            state="released",
            request_digest=request_digest(signed),
            released_at=begun.now,
        )
        await finish(
            tx,
            released,
            path=begun.grant.path,
            event=Event.ORDER_RELEASED,
            origin=request.origin,
            reserve=True,
        )
        return _outcome(released), _release(begun, released, signed)

    async def _sign(
        self, begun: Begun, order: OrderRow, verdict: Verdict, heartbeats: tuple[Heartbeat, ...]
    ) -> SignedRequest:
        dialect = dialect_of(begun.credential.venue_id)
        if begun.snapshot is None:
            raise SignatureRejected
        unsigned = dialect.build_order(
            begun.snapshot,
            begun.credential.api_key_id,
            guard.venue_order(verdict.order, order.client_order_id),
            unix_micros(begun.now) // 1000,
        )
        grant, credential = begun.grant, begun.credential
        signed = await self._keys.sign(
            checks=[
                *((above.evidence(), above.mac) for above in begun.ancestors),
                (grant.evidence(), grant.mac),
                (credential.evidence(), credential.mac),
                *((heartbeat.evidence(), heartbeat.mac) for heartbeat in heartbeats),
                *((row.evidence(), row.mac) for row in [begun.policy] if row is not None),
            ],
            key=wrapped_key(credential, begun.secret),
            message=unsigned.message,
        )
        return attach(unsigned, signed.signature)

    async def _refuse(
        self, tx: Tx, begun: Begun, order: OrderRow, error: DomainError, request: SignOrder
    ) -> None:
        """Spend the sequence and log why, in the commit that a release would have been.

        Nothing that a refusal must undo was written before it: the use of a held order's approval
        stays, because an approved action is carried out at most once, whatever comes of it.
        """
        refused = msgspec.structs.replace(
            order,
            state="refused",
            rule=f"{error.code}:{error.rule}" if error.rule else error.code,
            notional=None,
            quote=None,
        )
        await finish(
            tx,
            refused,
            path=begun.grant.path,
            event=Event.ORDER_REFUSED,
            origin=request.origin,
            reserve=False,
        )
        error.logged = True

    async def _begin(self, tx: Tx, claims: Order, market: str, key: bytes) -> Begun:
        begun = await begin(tx, claims.trader_id, claims.grant_id, claims.sequence, market)
        if begun is None:
            raise GrantUnknown
        if abs(begun.now - self._clock.now()) > CLOCK_TOLERANCE:
            raise ClockDoubt
        if begun.grant.model_jwk != key:
            self._statements.forget(claims.trader_id, claims.grant_id)
            raise SignatureRejected
        return begun

    async def _answer_again(
        self, tx: Tx, begun: Begun, prior: OrderRow, digest: bytes, request: SignOrder
    ) -> OrderOutcome:
        """The same order again gets its first outcome; another one under its number is refused."""
        if prior.jws_digest != digest:
            raise SequenceReused
        await append_locked(
            tx,
            Entry(
                trader_id=prior.trader_id,
                event=Event.ORDER_ANSWERED_AGAIN,
                origin=request.origin,
                token_id=prior.grant_id,
                path=begun.grant.path,
                subject_id=prior.order_id,
                rule=prior.state,
                request_digest=digest,
            ),
        )
        return _outcome(prior)


def _order(begun: Begun, claims: Order, jws: str, digest: bytes) -> OrderRow:
    order_id = new_id()
    return OrderRow(
        trader_id=claims.trader_id,
        order_id=order_id,
        grant_id=claims.grant_id,
        credential_id=begun.credential.credential_id,
        sequence=claims.sequence,
        jws=jws,
        jws_digest=digest,
        venue_id=begun.credential.venue_id,
        client_order_id=client_order_id(order_id),
        state="refused",
        created_at=begun.now,
    )


def _outcome(order: OrderRow) -> OrderOutcome:
    return OrderOutcome(
        order_id=order.order_id,
        state=order.state,
        client_order_id=order.client_order_id,
        sequence=order.sequence,
        approval_id=order.approval_id,
    )


def _release(begun: Begun, order: OrderRow, signed: SignedRequest) -> Release:
    return Release(
        trader_id=order.trader_id,
        credential_id=order.credential_id,
        venue_id=begun.credential.venue_id,
        purpose="order",
        subject_id=order.order_id,
        method=signed.method,
        path_and_query=signed.path_and_query,
        headers=signed.headers,
        body=signed.body,
    )
