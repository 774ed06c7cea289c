"""What the venue says a key may do, and what we make of it: ask, or refuse."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event, Outcome
from app.approvals import store as approvals
from app.approvals.actions import KeyLink
from app.approvals.asking import ask
from app.approvals.models import LONGEST_LIFE
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.origin import Origin
from app.credentials import store
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential, LinkState
from app.db.pool import Database, Tx
from app.deciding.execution import Executions
from app.deciding.witness import rung_of
from app.exchanges.errors import PermissionsRefused
from app.exchanges.models import VenuePermissions
from app.exchanges.registry import dialect_of
from app.guardrails.rungs import Verb, check_rung
from app.linking.errors import LinkRefused
from app.outbox import store as outbox
from app.policies.errors import PolicyDenies
from app.tokens import store as tokens
from app.vault.evidence import Evidence
from app.verbs.wire import Decided, SealChange, SealedChange, VenueAnswer

_COURIER = Origin(actor="courier")
_KEY_NOT_TAKEN = frozenset({-2014, -2015, -1022})
"""Binance's words for "no such key", "not this key, address or right" and "not this signature".
Other refusals (a clock, a limit) say nothing about the key."""


class _VenueError(msgspec.Struct, frozen=True):
    code: int


class Attesting:
    def __init__(
        self, db: Database, evidence: Evidence, executions: Executions, clock: Clock
    ) -> None:
        self._db = db
        self._evidence = evidence
        self._executions = executions
        self._clock = clock

    async def begin(self, trader_id: UUID, credential_id: UUID) -> None:
        """Move a pending credential to `verifying`; anything later stays as it is."""
        async with self._db.locked(trader_id) as tx:
            credential = await self._believed(tx, trader_id, credential_id)
            if credential.state is LinkState.PENDING:
                await self._update(
                    tx, credential, Event.CREDENTIAL_VERIFYING, state=LinkState.VERIFYING
                )

    async def read_back(
        self, trader_id: UUID, credential_id: UUID, answer: VenueAnswer
    ) -> LinkState:
        """Judge the venue's answer about the key's rights.

        Any right beyond reading and trading refuses the link and destroys the wrapped secret;
        then nobody is asked. Otherwise the trader is asked, once.

        Raises
        ------
        VenueAnswerUnknown
            The answer says neither yes nor no; the credential stays as it is.
        """
        async with self._db.locked(trader_id) as tx:
            credential = await self._believed(tx, trader_id, credential_id)
            if credential.state is not LinkState.VERIFYING or credential.approval_id is not None:
                return credential.state
            try:
                rights = _rights(credential.venue_id, answer)
            except PermissionsRefused as refused:
                await self._refuse(tx, credential, refused.rule or "unknown")
                return LinkState.REFUSED
            try:
                await self._ask(tx, credential, rights)
            except PolicyDenies as denied:
                # The trader's own word: nobody is asked, and the secret is not kept.
                await self._refuse(tx, credential, denied.code)
                return LinkState.REFUSED
        return LinkState.VERIFYING

    async def activate(self, request: SealChange) -> SealedChange:
        """Carry out an approved link.

        Raises
        ------
        ApprovalNotFound, ApprovalNotApproved, ActionMismatch, EvidenceForged, …
            As `Executions.use`.
        RungForbids
            Something on the path is contained.
        LinkRefused
            The credential is not the one that was shown.
        """
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            pending = await approvals.get(tx, request.trader_id, request.approval_id)
            if pending is None:
                raise LinkRefused
            credential = await self._believed(tx, request.trader_id, pending.subject_id)
            level = await tokens.effective_level(tx, request.trader_id, credential.path)
            check_rung(rung_of(level), Verb.LINK, node_id=credential.credential_id)
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=credential.root_id,
                shape=KeyLink,
                action_type="trade.key_link",
                now=now,
            )
            shown = (
                action.credential_id,
                action.venue,
                action.api_key_id,
                action.permissions,
                action.envelope_sha256,
            )
            if (
                shown
                != (
                    credential.credential_id,
                    credential.venue_id,
                    credential.api_key_id,
                    credential.permissions,
                    b64url(credential.envelope_sha256),
                )
                or credential.approval_id != approval.approval_id
                or credential.state is not LinkState.VERIFYING
            ):
                raise LinkRefused
            position = await self._update(
                tx,
                credential,
                Event.CREDENTIAL_LINKED,
                state=LinkState.ACTIVE,
                origin=request.origin,
            )
            await outbox.tell_platform(
                tx, request.trader_id, event="credential-change", fact="credential",
                fact_id=credential.credential_id, position=position,
            )  # fmt: skip
        return SealedChange(subject_id=credential.credential_id, state=LinkState.ACTIVE)

    async def end_refused(self, trader_id: UUID, decided: Decided, origin: Origin) -> None:
        """A link that a person said no to is over, and its secret with it."""
        async with self._db.locked(trader_id) as tx:
            credential = await self._believed(tx, trader_id, decided.subject_id)
            if (
                credential.state is LinkState.VERIFYING
                and credential.approval_id == decided.approval_id
            ):
                await self._refuse(tx, credential, decided.state, origin)

    async def _believed(self, tx: Tx, trader_id: UUID, credential_id: UUID) -> Credential:
        credential = await store.get(tx, trader_id, credential_id)
        if credential is None:
            raise CredentialNotFound
        await self._evidence.verify([(credential.evidence(), credential.mac)])
        return credential

    async def _refuse(
        self, tx: Tx, credential: Credential, reason: str, origin: Origin = _COURIER
    ) -> None:
        await tx.execute(
            "DELETE FROM wrapped_secret WHERE trader_id = $1 AND credential_id = $2",
            credential.trader_id,
            credential.credential_id,
        )
        await self._update(
            tx,
            credential,
            Event.CREDENTIAL_REFUSED,
            state=LinkState.REFUSED,
            refused_reason=reason,
            origin=origin,
        )

    async def _ask(self, tx: Tx, credential: Credential, rights: VenuePermissions) -> None:
        now = self._clock.now()
        approval = await ask(
            tx,
            KeyLink(
                trader_id=credential.trader_id,
                credential_id=credential.credential_id,
                venue=credential.venue_id,
                api_key_id=credential.api_key_id,
                label=credential.label,
                permissions=list(rights.rights),
                ip_restricted=rights.ip_restricted,
                envelope_sha256=b64url(credential.envelope_sha256),
            ),
            requester=f"device:{credential.device_id}",
            subject_id=credential.credential_id,
            now=now,
            life=LONGEST_LIFE,
        )
        await self._update(
            tx,
            credential,
            Event.APPROVAL_REQUESTED,
            permissions=list(rights.rights),
            attested_at=now,
            approval_id=approval.approval_id,
        )

    async def _update(
        self,
        tx: Tx,
        credential: Credential,
        event: Event,
        *,
        state: LinkState | None = None,
        refused_reason: str | None = None,
        permissions: list[str] | None = None,
        attested_at: datetime | None = None,
        approval_id: UUID | None = None,
        origin: Origin = _COURIER,
    ) -> int:
        """Write the next version of the row with its MAC, and the entry that tells of it.

        Returns the entry's position.
        """
        changed = msgspec.structs.replace(
            credential,
            state=state or credential.state,
            refused_reason=refused_reason,
            permissions=credential.permissions if permissions is None else permissions,
            attested_at=attested_at or credential.attested_at,
            approval_id=approval_id or credential.approval_id,
            version=credential.version + 1,
        )
        (mac,) = await self._evidence.seal([changed.evidence()])
        if not await store.update(tx, msgspec.structs.replace(changed, mac=mac)):
            raise LinkRefused
        outcome: Outcome = "refused" if changed.state is LinkState.REFUSED else "ok"
        return await append_locked(
            tx,
            Entry(
                trader_id=changed.trader_id,
                event=event,
                origin=origin,
                token_id=changed.credential_id,
                path=changed.path,
                subject_id=changed.approval_id or changed.credential_id,
                outcome=outcome,
                rule=refused_reason,
            ),
        )


def _rights(venue_id: str, answer: VenueAnswer) -> VenuePermissions:
    if answer.status in {400, 401} and _code(answer.body) in _KEY_NOT_TAKEN:
        raise PermissionsRefused(rule="key_not_taken")
    return dialect_of(venue_id).parse_permissions(answer.status, answer.body)


def _code(body: bytes) -> int | None:
    try:
        return msgspec.json.decode(body, type=_VenueError).code
    except msgspec.DecodeError:
        return None
