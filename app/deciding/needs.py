"""The strength that a decision must have now, by a policy that the HSM vouches for."""

from datetime import datetime

from app.approvals import needs
from app.approvals.batching import judged
from app.approvals.errors import FactorTooWeak
from app.approvals.models import Approval
from app.db.pool import Tx
from app.devices.models import Device
from app.guardrails.strength import METHOD_STRENGTH, Strength
from app.policies import store
from app.policies.models import Standing
from app.vault.evidence import Evidence


class Needs:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    async def strength(
        self, tx: Tx, approval: Approval, device: Device, now: datetime, leaf: int | None = None
    ) -> Strength:
        """The most of what was asked for, what the policy says as things are, and the floor.

        `device` is believed already: it is its root's policy that counts, and its age. Of a batch
        it is what each of its actions needs; with `leaf` that one alone.

        Raises
        ------
        PolicyDenies
            The policy does not let it happen, as things are now.
        EvidenceForged
            The policy's row is not as the signer wrote it.
        """
        needed = Strength(approval.required_strength)
        moment = needs.Moment(
            asked_from=approval.asked_from,
            asked_at=approval.created_at,
            now=now,
            bound_at=device.bound_at,
        )
        found: dict[str, Standing] = {}  # the actions of a batch are of one type: verified once
        for kind, action in judged(approval, leaf):
            if kind not in found:
                found[kind] = await self.standing(tx, device, kind, now)
            asked = await needs.strength_needed(
                tx, found[kind], approval.trader_id, kind, action, moment
            )
            needed = max(needed, asked)
        return needed

    async def check(
        self, tx: Tx, approval: Approval, device: Device, method: str, now: datetime
    ) -> None:
        """Raise FactorTooWeak unless `method` is as strong as that; else as `strength`."""
        if METHOD_STRENGTH[method] < await self.strength(tx, approval, device, now):
            raise FactorTooWeak

    async def standing(self, tx: Tx, device: Device, action_type: str, now: datetime) -> Standing:
        """Policy and floor, as they stand for the root of a device."""
        standing = await store.standing(tx, device.trader_id, device.root_id, action_type, now)
        if standing.row is not None:
            await self._evidence.verify([(standing.row.evidence(), standing.row.mac)])
        return standing
