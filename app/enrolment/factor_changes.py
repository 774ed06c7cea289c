"""`seal_change` of `factor.add` and `factor.remove`: what was approved becomes so."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import FactorAdd, FactorRemove
from app.approvals.errors import ActionMismatch, ApprovalNotApproved, ApprovalNotFound
from app.approvals.models import Decision
from app.core.canonical import parse_canonical
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.errors import Malformed
from app.core.ids import new_id
from app.db.pool import Database, Tx
from app.deciding.ending import TOLD_FOR
from app.deciding.execution import Executions
from app.deciding.witness import Witness
from app.enrolment import factor_strength
from app.guardrails.rungs import Verb
from app.guardrails.strength import Strength
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.vault.evidence import Evidence
from app.verbs.wire import SealChange, SealedChange
from app.webauthn import store
from app.webauthn.errors import PasskeyChanged, PasskeyNotFound
from app.webauthn.models import Passkey, State

Seal = Callable[[SealChange], Awaitable[SealedChange]]
Change = TypeVar("Change", FactorAdd, FactorRemove)


class ByKind:
    """The kind of factor that an approved action names says which room carries it out."""

    def __init__(self, db: Database, rooms: Mapping[str, Seal]) -> None:
        self._db = db
        self._rooms = rooms

    async def seal(self, request: SealChange) -> SealedChange:
        """Only where to: the room verifies all of it."""
        async with self._db.session() as tx:
            approval = await approvals.get(tx, request.trader_id, request.approval_id)
        if approval is None:
            raise ApprovalNotFound
        try:
            kind = parse_canonical(approval.action).get("kind")
        except (Malformed, AttributeError):
            raise ActionMismatch from None
        room = self._rooms.get(kind) if isinstance(kind, str) else None
        if room is None:
            raise ActionMismatch
        return await room(request)


async def seed_comes_next(request: SealChange) -> SealedChange:
    """Nothing yet: an approved authenticator app comes with its sealed seed and a code of then, to
    `bind_factor`, which uses the approval.
    """
    return SealedChange(subject_id=request.approval_id, state="approved")


class PasskeyChanges:
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

    async def add(self, request: SealChange) -> SealedChange:
        """Let an approved passkey approve, from now on.

        Raises
        ------
        PasskeyNotFound, ActionMismatch, PasskeyChanged
            There is none, another one was approved, or it is not pending.
        FactorTooWeak
            Approved with less than the strongest factor there is.
        ApprovalNotApproved, EvidenceForged, RungForbids, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            passkey = await self._meant(tx, request)
            device = await self._witness.device(tx, request.trader_id, passkey.device_id)
            await self._witness.check_may(tx, device, Verb.ENROL)
            needed = await factor_strength.to_add(tx, self._evidence, device)
            by = await self._use(tx, request, passkey, FactorAdd, "factor.add", needed)
            if passkey.state != "pending":
                raise PasskeyChanged
            added = await self._write(tx, passkey, "active")
            position = await self._log_and_tell(tx, request, by, added, Event.PASSKEY_BOUND)
            await outbox.tell_platform(
                tx, request.trader_id, event="credential-change", fact="passkey",
                fact_id=passkey.factor_id, position=position,
            )  # fmt: skip
        return _sealed(added)

    async def remove(self, request: SealChange) -> SealedChange:
        """Let an approved removal be so: it approves nothing any more, and never will.

        Raises
        ------
        FactorTooWeak
            Approved with less than what is removed.
        LastFactor
            Without it nothing could be approved any more.
        PasskeyNotFound, ActionMismatch, PasskeyChanged, ApprovalNotApproved, EvidenceForged, …
            As `add`.
        """
        async with self._db.locked(request.trader_id) as tx:
            passkey = await self._meant(tx, request)
            needed = factor_strength.to_remove(passkey)
            by = await self._use(tx, request, passkey, FactorRemove, "factor.remove", needed)
            await factor_strength.check_not_last(tx, self._evidence, passkey)
            if passkey.state not in {"active", "frozen"}:
                raise PasskeyChanged
            removed = await self._write(tx, passkey, "removed")
            await self._log_and_tell(tx, request, by, removed, Event.PASSKEY_REMOVED)
        return _sealed(removed)

    async def _meant(self, tx: Tx, request: SealChange) -> Passkey:
        approval = await approvals.get(tx, request.trader_id, request.approval_id)
        if approval is None:
            raise ApprovalNotFound
        passkey = await store.get(tx, request.trader_id, approval.subject_id)
        if passkey is None:
            raise PasskeyNotFound
        await self._evidence.verify([(passkey.evidence(), passkey.mac)])
        return passkey

    async def _use(
        self,
        tx: Tx,
        request: SealChange,
        passkey: Passkey,
        shape: type[Change],
        action_type: str,
        needed: Strength,
    ) -> Decision:
        action, _ = await self._executions.use(
            tx,
            trader_id=request.trader_id,
            approval_id=request.approval_id,
            expected_root_id=passkey.root_id,
            shape=shape,
            action_type=action_type,
            now=self._clock.now(),
            strength=needed,
        )
        if action != action_about(passkey, shape):
            raise ActionMismatch
        decision = await approvals.get_decision(tx, request.trader_id, request.approval_id)
        if decision is None:
            raise ApprovalNotApproved
        return decision

    async def _write(self, tx: Tx, passkey: Passkey, state: State) -> Passkey:
        written = msgspec.structs.replace(passkey, state=state, version=passkey.version + 1)
        (mac,) = await self._evidence.seal([written.evidence()])
        if not await store.write(tx, msgspec.structs.replace(written, mac=mac)):
            raise PasskeyChanged
        return written

    async def _log_and_tell(
        self, tx: Tx, request: SealChange, by: Decision, passkey: Passkey, event: Event
    ) -> int:
        """The entry's position. Every device hears of it, like of an app that came or went."""
        position = await append_locked(
            tx,
            Entry(
                trader_id=request.trader_id,
                event=event,
                origin=request.origin,
                token_id=by.device_id,
                path=[by.root_id, by.device_id],
                subject_id=passkey.factor_id,
            ),
        )
        until = self._clock.now() + TOLD_FOR
        await outbox.ring(tx, request.trader_id, Topic.SECURITY, new_id(), until)
        return position


def action_about(passkey: Passkey, shape: type[Change]) -> Change:
    return shape(
        trader_id=passkey.trader_id,
        factor_id=passkey.factor_id,
        kind="webauthn",
        label=passkey.label,
        device_id=passkey.device_id,
        details_sha256=b64url(passkey.details_digest()),
    )


def _sealed(passkey: Passkey) -> SealedChange:
    return SealedChange(subject_id=passkey.factor_id, state=passkey.state, version=passkey.version)
