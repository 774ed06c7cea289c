"""`sign_statement`: prove it again, then sign it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from app.accesslog.models import SYSTEM_TRADER
from app.credentials import store as credentials
from app.credentials.models import LinkState
from app.db.pool import Database, Tx
from app.devices import store as devices
from app.otp import store as otp
from app.recovery import store as recovery
from app.telling import store
from app.telling.errors import StatementUnproven
from app.telling.models import Initiator, Queued, Statement
from app.telling.rules import TEMPLATES, Template, claims
from app.vault.evidence import Evidence
from app.vault.issuer import IssuerKey
from app.verbs.wire import SignedStatement, SignStatement
from app.webauthn import store as passkeys

_INITIATORS: Final[dict[str, Initiator]] = {
    "trader": "user",
    "operator": "admin",
    "monitor": "policy",
}
_NEVER_LINKED: Final = frozenset({LinkState.PENDING, LinkState.VERIFYING, LinkState.REFUSED})


class Telling:
    """`issuer` is our public origin, as the published metadata says it."""

    def __init__(self, db: Database, evidence: Evidence, key: IssuerKey, *, issuer: str) -> None:
        self._db = db
        self._evidence = evidence
        self._key = key
        self._issuer = issuer
        self._proofs: dict[str, Callable[[Tx, Queued, Template], Awaitable[Statement]]] = {
            "revocation": self._revocation,
            "device": self._device,
            "re_enrolled_device": self._device,
            "factor": self._factor,
            "recovery_codes": self._recovery_codes,
            "passkey": self._passkey,
            "credential": self._credential,
            "webhook": self._test,
        }

    async def sign_statement(self, request: SignStatement) -> SignedStatement:
        """Sign the security event token of one queued message.

        Raises
        ------
        StatementUnproven
            No such message, one for a stranger's webhook, or nothing proves it.
        EvidenceForged
            The row it rests on is not as the signer wrote it.
        HsmUnavailable
            Not signed; asking again is right.
        """
        async with self._db.session() as tx:
            # (1) What is asked about, and that the webhook is of the trader's own platform.
            queued = await store.queued(tx, request.trader_id, request.message_id)
            if queued is None:
                raise StatementUnproven(rule="message")
            owner = queued.platform_id if queued.trader_id == SYSTEM_TRADER else queued.owner_id
            if owner != queued.platform_id:
                raise StatementUnproven(rule="platform")
            # (2) That it can be said at all.
            template = TEMPLATES.get((queued.subject.event, queued.subject.fact))
            if template is None:
                raise StatementUnproven(rule="template")
            # (3) That it is true.
            said = await self._proofs[queued.subject.fact](tx, queued, template)
        # (4) What is true stays true: it is said outside of any lock.
        return SignedStatement(token=await self._key.sign_set(claims(template, said)))

    async def _revocation(self, tx: Tx, queued: Queued, template: Template) -> Statement:
        found = await store.revoked(tx, queued.trader_id, queued.rid)
        if found is None or found.log_position != queued.subject.position:
            raise StatementUnproven(rule="fence")
        at = await _told_at(tx, queued, template, token_id=found.token_id, subject_id=queued.rid)
        return self._statement(
            queued,
            at,
            node_id=found.token_id,
            node_kind=found.kind,
            about_trader=found.is_root,
            initiator=_INITIATORS[found.imposed_by],
        )

    async def _device(self, tx: Tx, queued: Queued, template: Template) -> Statement:
        device = await devices.get(tx, queued.trader_id, queued.rid)
        if device is None:
            raise StatementUnproven(rule="device")
        await self._evidence.verify([(device.evidence(), device.mac)])
        at = await _told_at(tx, queued, template, token_id=queued.rid)
        return self._statement(queued, at, node_id=queued.rid, node_kind="device")

    async def _factor(self, tx: Tx, queued: Queued, template: Template) -> Statement:
        for factor in await otp.list_all(tx, queued.trader_id):
            if factor.factor_id == queued.rid:
                await self._evidence.verify([(factor.evidence(), factor.mac)])
                at = await _told_at(tx, queued, template, subject_id=queued.rid)
                return self._statement(queued, at, node_id=queued.rid, node_kind="totp")
        raise StatementUnproven(rule="factor")

    async def _recovery_codes(self, tx: Tx, queued: Queued, template: Template) -> Statement:
        """By the device that made them: a code's own id is on paper, and nobody else's to know."""
        code = await recovery.newest_by(tx, queued.trader_id, queued.rid)
        if code is None:
            raise StatementUnproven(rule="recovery_codes")
        await self._evidence.verify([(code.evidence(), code.mac)])
        at = await _told_at(tx, queued, template, token_id=queued.rid)
        return self._statement(queued, at, node_id=queued.rid, node_kind="recovery_codes")

    async def _passkey(self, tx: Tx, queued: Queued, template: Template) -> Statement:
        passkey = await passkeys.get(tx, queued.trader_id, queued.rid)
        if passkey is None or passkey.state == "pending":
            raise StatementUnproven(rule="passkey")
        await self._evidence.verify([(passkey.evidence(), passkey.mac)])
        at = await _told_at(tx, queued, template, subject_id=queued.rid)
        return self._statement(queued, at, node_id=queued.rid, node_kind="passkey")

    async def _credential(self, tx: Tx, queued: Queued, template: Template) -> Statement:
        credential = await credentials.get(tx, queued.trader_id, queued.rid)
        if credential is None or credential.state in _NEVER_LINKED:
            raise StatementUnproven(rule="credential")
        await self._evidence.verify([(credential.evidence(), credential.mac)])
        at = await _told_at(tx, queued, template, token_id=queued.rid)
        return self._statement(queued, at, node_id=queued.rid, node_kind="credential")

    async def _test(self, _: Tx, queued: Queued, __: Template) -> Statement:
        # Says nothing of a trader, so there is nothing to prove but whose webhook it is.
        if queued.trader_id != SYSTEM_TRADER:
            raise StatementUnproven(rule="webhook")
        return self._statement(
            queued, queued.created_at, node_id=queued.rid, node_kind="webhook", about_trader=False
        )

    def _statement(
        self,
        queued: Queued,
        at: datetime,
        *,
        node_id: UUID,
        node_kind: str,
        about_trader: bool = True,
        initiator: Initiator = "user",
    ) -> Statement:
        system = queued.trader_id == SYSTEM_TRADER
        return Statement(
            issuer=self._issuer,
            message_id=queued.message_id,
            platform_id=queued.platform_id,
            trader_id=None if system else queued.trader_id,
            fact_id=queued.rid,
            node_id=node_id,
            node_kind=node_kind,
            about_trader=about_trader,
            initiator=initiator,
            at=at,
        )


async def _told_at(
    tx: Tx,
    queued: Queued,
    template: Template,
    *,
    token_id: UUID | None = None,
    subject_id: UUID | None = None,
) -> datetime:
    """When the log tells of it; the entry's token or subject must be the one given."""
    position = queued.subject.position
    entry = None if position is None else await store.logged(tx, queued.trader_id, position)
    if (
        entry is None
        or not entry.genuine
        or (entry.event, entry.outcome) != (template.told_by, "ok")
        or (token_id is not None and entry.token_id != token_id)
        or (subject_id is not None and entry.subject_id != subject_id)
    ):
        raise StatementUnproven(rule="log")
    return entry.at
