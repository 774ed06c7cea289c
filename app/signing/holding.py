"""Orders that wait for a person: hold them, and take them up again as they were shown."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import Amount, TradeOrder, read_action
from app.approvals.asking import ask
from app.approvals.errors import ActionMismatch, ApprovalNotFound
from app.approvals.lineages import lineage_of
from app.approvals.other_actions import BATCH, Batch, leaf_of
from app.core.encoding import b64url
from app.core.jose import Jwk
from app.core.origin import Origin
from app.core.statements import Order
from app.db.pool import Database, Tx
from app.deciding.execution import Executions
from app.grants import store as grants
from app.guardrails.intents import order_from_view, order_view, parse_intent
from app.guardrails.models import OrderTerms, RequireApproval
from app.orders import store as orders
from app.signing import guard
from app.signing.errors import GrantUnknown
from app.signing.rows import Begun, OrderRow, finish

_HELD = """
    SELECT * FROM bot_order WHERE trader_id = $1 AND order_id = $2
"""


MAX_OVERDUE = 100
"""Held orders ended in one sweep; the rest comes in the next."""


class Holding:
    def __init__(self, db: Database, executions: Executions) -> None:
        self._db = db
        self._executions = executions

    async def hold(
        self,
        tx: Tx,
        begun: Begun,
        order: OrderRow,
        verdict: RequireApproval,
        origin: Origin,
    ) -> OrderRow:
        """Spend the sequence, store the order as `held`, ask, and ring: one commit."""
        approved = guard.limits_of(begun.grant)
        approval = await ask(
            tx,
            TradeOrder(
                trader_id=order.trader_id,
                grant_id=order.grant_id,
                order_id=order.order_id,
                credential_id=order.credential_id,
                venue=order.venue_id,
                model=f"{approved.model.name} {approved.model.version}",
                order=order_view(verdict.order),
                notional=Amount(
                    amount=guard.amount_text(verdict.notional), quote=verdict.notional.quote
                ),
                client_order_id=order.client_order_id,
                signed_order_sha256=b64url(order.jws_digest),
            ),
            requester=origin.actor,
            lineage=lineage_of(begun.grant.path),
            subject_id=order.order_id,
            now=begun.now,
            address=origin.address,
        )
        held = msgspec.structs.replace(order, state="held", approval_id=approval.approval_id)
        await finish(
            tx, held, path=begun.grant.path, event=Event.ORDER_HELD, origin=origin, reserve=False
        )
        return held

    async def expire_overdue(self, now: datetime) -> None:
        """End held orders that nobody approved in time, each under its trader's lock, logged."""
        async with self._db.session() as tx:
            overdue = await orders.overdue(tx, now, MAX_OVERDUE)
        for trader_id, order_id in overdue:
            async with self._db.locked(trader_id) as tx:
                grant_id = await orders.expire_held(tx, trader_id, order_id)
                if grant_id is None:
                    continue
                await append_locked(
                    tx,
                    Entry(
                        trader_id=trader_id,
                        event=Event.ORDER_REFUSED,
                        origin=Origin(actor="signer"),
                        token_id=grant_id,
                        path=await orders.grant_path(tx, trader_id, grant_id),
                        subject_id=order_id,
                        outcome="refused",
                        rule="approval_expired",
                    ),
                )

    async def order_of(
        self,
        trader_id: UUID,
        approval_id: UUID,
        verified: Callable[[str, Jwk], Order],
        *,
        leaf: int | None = None,
    ) -> tuple[OrderRow, Order, bytes]:
        """The order an approval, or a leaf of a batch, is about, its stored JWS verified again,
        without its expiry.

        The third is the model key that verified it, to be compared with the row under the lock.
        """
        async with self._db.session() as tx:
            approval = await approvals.get(tx, trader_id, approval_id)
            if approval is None or approval.action_type != (
                "trade.order" if leaf is None else BATCH
            ):
                raise ApprovalNotFound
            order_id = approval.subject_id
            if leaf is not None:
                order_id = leaf_of(read_action(approval.action, Batch), leaf, TradeOrder).order_id
            row = await tx.fetchrow(_HELD, trader_id, order_id)
            if row is None or row["approval_id"] != approval_id:
                raise ApprovalNotFound
            order = msgspec.convert(dict(row), OrderRow)
            grant = await grants.get(tx, trader_id, order.grant_id)
        if grant is None:
            raise GrantUnknown
        claims = verified(order.jws, grant.key())
        stored = (order.trader_id, order.grant_id, order.sequence)
        if (claims.trader_id, claims.grant_id, claims.sequence) != stored:
            raise ActionMismatch
        return order, claims, grant.model_jwk

    async def approved_terms(
        self, tx: Tx, begun: Begun, claims: Order, approval_id: UUID, leaf: int | None
    ) -> OrderTerms:
        """Use up the approval and give the terms that were shown.

        Raises
        ------
        ActionMismatch
            The approved action is not about this order, or not what the model signed.
        ApprovalNotApproved, EvidenceForged, …
            As `Executions.use`.
        """
        action, _ = await self._executions.use(
            tx,
            trader_id=claims.trader_id,
            approval_id=approval_id,
            expected_root_id=begun.grant.root_id,
            shape=TradeOrder,
            action_type="trade.order",
            now=begun.now,
            leaf=leaf,
        )
        order = begun.prior
        if order is None or (
            action.order_id,
            action.grant_id,
            action.credential_id,
            action.venue,
            action.client_order_id,
            action.signed_order_sha256,
        ) != (
            order.order_id,
            order.grant_id,
            begun.credential.credential_id,
            begun.credential.venue_id,
            order.client_order_id,
            b64url(order.jws_digest),
        ):
            raise ActionMismatch
        terms = order_from_view(action.order)
        _check_asked(parse_intent(claims.intent), terms)
        return terms


def _check_asked(asked: OrderTerms, shown: OrderTerms) -> None:
    """What was shown is what the model signed; a market order became a limit at the collar."""
    if shown.asked_as == "market":
        same = (asked.type, asked.market, asked.side, asked.quantity) == (
            "market",
            shown.market,
            shown.side,
            shown.quantity,
        )
    else:
        same = asked == shown
    if not same:
        raise ActionMismatch
