"""`seal_change` for a trader's policy: tighter at once, looser by approval and after a day (P7)."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import PolicyChange, read_action
from app.approvals.asking import ask
from app.approvals.errors import ActionMismatch, ApprovalNotFound
from app.approvals.models import LONGEST_LIFE
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.ids import new_id
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.deciding.errors import DeviceRejected
from app.deciding.execution import Executions
from app.deciding.witness import Witness, policy_cancel_statement, policy_statement
from app.devices.models import Device
from app.guardrails.rungs import Verb
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.policies import store
from app.policies.current import Current, current
from app.policies.errors import NothingWaits, PolicyChangeWaits, PolicyStale
from app.policies.loosening import loosened, strength_of
from app.policies.models import LOOSENING_WAITS, Loosened, Policy, PolicyRow
from app.policies.rules import policy_bytes, read_policy
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.wire import SealChange, SealedChange

_NOTICE = timedelta(hours=24)


class PolicyChanges:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        evidence: Evidence,
        executions: Executions,
        clock: Clock,
    ) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._executions = executions
        self._clock = clock

    async def change(self, request: SealChange) -> SealedChange:
        """Put a policy in force that only tightens; ask for the approval of any other.

        Raises
        ------
        DeviceRejected, StatementRejected, SignatureRejected, EvidenceForged
            Not a device of this trader's, or not its word.
        PolicyMalformed
            The rule names the field.
        PolicyStale
            It follows another version: it was used, or somebody was first.
        PolicyChangeWaits
            It loosens, and so does one that waits already.
        PolicyDenies, RungForbids
            The policy, or what contains the device, does not let it ask.
        """
        # (1) A device the HSM vouches for said so, just now.
        device, statement = await self._speaker(request)
        said = policy_statement(statement, device, self._clock.now())
        after = read_policy(said.policy)
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            # (2) It follows the policy that is in force now.
            found = await self._current(tx, device.trader_id, device.root_id, now)
            if said.version != found.newest:
                raise PolicyStale
            # (3) Less anywhere: a person has to say so, and be asked first.
            changes = loosened(found.policy, after)
            if changes:
                await self._witness.check_may(tx, device, Verb.WIDEN)
                if found.waiting is not None:
                    raise PolicyChangeWaits
                return await self._ask(tx, request, device, found, after, changes, now)
            # (4) More, or the same: at once.
            await self._witness.check_may(tx, device, Verb.TIGHTEN)
            row = _next(device, found, after, now, "tightened", statement)
            await self._seal(tx, row, request.origin)
        return SealedChange(subject_id=device.root_id, state="in_force", version=row.version)

    async def cancel(self, request: SealChange) -> SealedChange:
        """Take back what waits: any device of the trader, by its signature alone.

        Raises
        ------
        NothingWaits
            No change waits under this version.
        DeviceRejected, StatementRejected, SignatureRejected, EvidenceForged
            As `change`.
        """
        device, statement = await self._speaker(request)
        said = policy_cancel_statement(statement, device, self._clock.now())
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            await self._witness.check_may(tx, device, Verb.TIGHTEN)
            found = await self._current(tx, device.trader_id, device.root_id, now)
            if found.waiting is None or found.waiting.version != said.version:
                raise NothingWaits
            row = _next(device, found, found.policy, now, "cancelled", statement)
            await self._seal(tx, row, request.origin)
        return SealedChange(subject_id=device.root_id, state="in_force", version=row.version)

    async def loosen(self, request: SealChange) -> SealedChange:
        """Seal what a person approved; it waits a day, and every device is told.

        Raises
        ------
        PolicyStale, PolicyChangeWaits
            The policy is not any more the one it was shown to follow.
        ActionMismatch
            What was shown is not what follows from the two policies.
        ApprovalNotApproved, FactorTooWeak, EvidenceForged, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            asked = await approvals.get(tx, request.trader_id, request.approval_id)
            trader = await traders.get(tx, request.trader_id)
            if asked is None or trader is None or trader.root_id is None:
                raise ApprovalNotFound
            # (1) It follows the policy in force, and loosens exactly what was shown.
            found = await self._current(tx, request.trader_id, trader.root_id, now)
            shown = read_action(asked.action, PolicyChange)
            if shown.version != found.newest:
                raise PolicyStale
            if found.waiting is not None:
                raise PolicyChangeWaits
            after = read_policy(msgspec.to_builtins(shown.after))
            changes = loosened(found.policy, after)
            if (shown.before, shown.after, shown.loosens, shown.waits_hours) != (
                found.policy, after, changes, _hours(),
            ) or not changes:  # fmt: skip
                raise ActionMismatch
            # (2) The approval, verified again, as strong as what it takes away, and used up.
            await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=trader.root_id,
                shape=PolicyChange,
                action_type="policy.change",
                now=now,
                strength=strength_of(changes).strength,
            )
            decision = await approvals.get_decision(tx, request.trader_id, request.approval_id)
            if decision is None:
                raise ActionMismatch
            # (3) Seal it for tomorrow, and tell everybody.
            row = PolicyRow(
                trader_id=request.trader_id,
                root_id=trader.root_id,
                version=found.newest + 1,
                change="loosened",
                policy=policy_bytes(after),
                device_id=decision.device_id,
                statement=None,
                approval_id=request.approval_id,
                sealed_at=now,
                effective_at=now + LOOSENING_WAITS,
                mac=b"",
            )
            await self._seal(tx, row, request.origin)
        return SealedChange(subject_id=trader.root_id, state="waiting", version=row.version)

    async def _speaker(self, request: SealChange) -> tuple[Device, str]:
        if request.origin.device_id is None or request.statement is None:
            raise DeviceRejected
        async with self._db.session() as tx:
            device = await self._witness.device(tx, request.trader_id, request.origin.device_id)
        return device, request.statement

    async def _current(self, tx: Tx, trader_id: UUID, root_id: UUID, now: datetime) -> Current:
        rows = await store.since(tx, trader_id, root_id, now)
        await self._evidence.verify([(row.evidence(), row.mac) for row in rows])
        return current(rows, now)

    async def _ask(
        self,
        tx: Tx,
        request: SealChange,
        device: Device,
        found: Current,
        after: Policy,
        changes: list[Loosened],
        now: datetime,
    ) -> SealedChange:
        statement = request.statement or ""
        approval = await ask(
            tx,
            PolicyChange(
                trader_id=device.trader_id,
                version=found.newest,
                before=found.policy,
                after=after,
                loosens=changes,
                waits_hours=_hours(),
                requested_by=request.origin.actor,
                statement_sha256=b64url(sha256(statement.encode())),
            ),
            requester=request.origin.actor,
            subject_id=device.root_id,
            now=now,
            life=LONGEST_LIFE,
            address=request.origin.address,
            strength=strength_of(changes).strength,
        )
        await append_locked(
            tx,
            Entry(
                trader_id=device.trader_id,
                event=Event.APPROVAL_REQUESTED,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=approval.approval_id,
                rule=approval.action_type,
                request_digest=approval.digest,
            ),
        )
        return SealedChange(
            subject_id=approval.approval_id, state="awaiting_approval", version=found.newest
        )

    async def _seal(self, tx: Tx, row: PolicyRow, origin: Origin) -> None:
        """Write a version with its MAC, log it and ring every device: one commit."""
        (mac,) = await self._evidence.seal([row.evidence()])
        await store.insert(tx, msgspec.structs.replace(row, mac=mac))
        await append_locked(
            tx,
            Entry(
                trader_id=row.trader_id,
                event=Event.POLICY_CHANGED,
                origin=origin,
                token_id=row.device_id,
                path=[row.root_id, row.device_id],
                subject_id=row.approval_id,
                rule=f"{row.change}:{row.version}",
                request_digest=sha256(row.policy),
            ),
        )
        ends_at = row.sealed_at + _NOTICE
        await outbox.ring(tx, row.trader_id, Topic.SECURITY, new_id(), ends_at)


def _next(
    device: Device,
    found: Current,
    policy: Policy,
    now: datetime,
    change: Literal["tightened", "cancelled"],
    statement: str,
) -> PolicyRow:
    """The next version, in force at once, by a device's own word."""
    return PolicyRow(
        trader_id=device.trader_id,
        root_id=device.root_id,
        version=found.newest + 1,
        change=change,
        policy=policy_bytes(policy),
        device_id=device.device_id,
        statement=statement,
        approval_id=None,
        sealed_at=now,
        effective_at=now,
        mac=b"",
    )


def _hours() -> int:
    return int(LOOSENING_WAITS.total_seconds()) // 3600
