"""Verify an approval again at the moment it is carried out, and use it up."""

from datetime import datetime
from uuid import UUID

from app.approvals import rules, standings, store
from app.approvals.actions import A, action_bytes, read_action
from app.approvals.errors import (
    ActionMismatch,
    ApprovalNotApproved,
    ApprovalNotFound,
    FactorTooWeak,
)
from app.approvals.models import Approval
from app.approvals.other_actions import BATCH, Batch, leaf_of
from app.core.statements import digest_bytes
from app.db.pool import Tx
from app.deciding.methods import check_may_approve
from app.deciding.needs import Needs
from app.deciding.witness import Witness, approving, approving_statement
from app.guardrails.strength import METHOD_STRENGTH, Strength
from app.vault.evidence import Evidence


class Executions:
    def __init__(self, witness: Witness, evidence: Evidence) -> None:
        self._witness = witness
        self._evidence = evidence
        self._needs = Needs(evidence)

    async def use(
        self,
        tx: Tx,
        *,
        trader_id: UUID,
        approval_id: UUID,
        expected_root_id: UUID,
        shape: type[A],
        action_type: str,
        now: datetime,
        leaf: int | None = None,
        strength: Strength | None = None,
    ) -> tuple[A, Approval]:
        """Consume an approved action in the caller's transaction and return it.

        With `leaf` it is that action of an approved batch, and only that one is consumed.
        `strength` is what the caller knows to be needed beyond what the policy says. The caller
        holds the trader lock; `now` was read after it.

        Raises
        ------
        ApprovalNotFound, ApprovalNotApproved, ActionMismatch, FactorTooWeak, PolicyDenies,
        DeviceRejected, EvidenceForged, SignatureRejected
            Whatever is not exactly as it was when the person decided.
        """
        # (1) The row, its decision, and that they are about the same thing.
        approval = await store.get(tx, trader_id, approval_id)
        if approval is None:
            raise ApprovalNotFound
        decision = await store.get_decision(tx, trader_id, approval_id)
        if decision is None:
            raise ApprovalNotApproved
        decided_type = action_type if leaf is None else BATCH
        rules.check_executable(approval, decision, expected_action_type=decided_type, now=now)
        # (2) The signer decided so: its MAC, under the same root.
        await self._evidence.verify([(decision.evidence(), decision.mac)])
        if decision.root_id != expected_root_id:
            raise ApprovalNotApproved
        # (3) The device said so: its own row, its rung now, its signature again.
        device = await self._witness.device(tx, trader_id, decision.device_id)
        if device.root_id != expected_root_id:
            raise ApprovalNotApproved
        await self._witness.check_may(tx, device, approving(approval, device))
        signed = approving_statement(decision.statement, device, decision.method)
        if (
            signed.decision != "approve"
            or signed.approval_id != approval_id
            or digest_bytes(signed.digest) != approval.digest
            or digest_bytes(signed.nonce) != approval.nonce
        ):
            raise ActionMismatch
        check_may_approve(decision.method, decided_type)
        # (4) It is still strong enough: for what was asked, and for the policy and the
        # circumstances as they are now.
        needed = await self._needs.strength(tx, approval, device, now, leaf)
        if METHOD_STRENGTH[decision.method] < max(needed, strength or needed):
            raise FactorTooWeak
        # (5) The action itself, then use it up: once.
        if leaf is not None:
            return await self._use_leaf(tx, approval, leaf, shape, action_type, now), approval
        # One spelling only: an id in other letters reads the same, and was not what was shown.
        action = read_action(approval.action, shape)
        if action.trader_id != trader_id or action_bytes(action) != approval.action:
            raise ActionMismatch
        if not await store.consume(tx, trader_id, approval_id, now):
            raise ApprovalNotApproved
        return action, approval

    async def _use_leaf(
        self, tx: Tx, approval: Approval, leaf: int, shape: type[A], action_type: str, now: datetime
    ) -> A:
        """One action of the batch, once; with the last one the batch itself is used up."""
        batch = read_action(approval.action, Batch)
        action = leaf_of(batch, leaf, shape)
        # One spelling only of the whole; `leaf_of` saw to the leaf.
        if (
            batch.of != action_type
            or action.trader_id != approval.trader_id
            or action_bytes(batch) != approval.action
        ):
            raise ActionMismatch
        place = (approval.trader_id, approval.approval_id)
        if not await standings.consume_leaf(tx, *place, leaf, now):
            raise ApprovalNotApproved
        if await standings.leaves_used(tx, *place) == len(batch.actions) and not (
            await store.consume(tx, *place, now)
        ):
            raise ApprovalNotApproved
        return action
