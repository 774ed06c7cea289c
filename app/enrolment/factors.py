"""Sealing keys, and `bind_factor`: a sealed seed, the device's word for it, a confirming code."""

import hmac
from datetime import timedelta
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.canonical import canonical_json, sha256
from app.core.clock import Clock, unix_seconds
from app.core.encoding import b64url, lp
from app.core.ids import new_id
from app.core.statements import SEALING_KEY_TYP, digest_bytes
from app.core.statements import BindFactor as Signed
from app.credentials import store as credentials
from app.credentials.models import Credential
from app.db.pool import Database, Tx
from app.deciding.errors import StatementRejected
from app.deciding.witness import Witness, bind_factor_statement
from app.devices.models import Device
from app.enrolment.adding import FactorAdding
from app.enrolment.errors import EnrolmentRefused, FactorNeedsApproval
from app.enrolment.openings import Openings
from app.guardrails.rungs import Verb
from app.otp import store as otp
from app.otp.models import TotpFactor, WrappedSeed
from app.otp.totp import candidate_steps, matching_step
from app.outbox import store as outbox
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.vault.models import Envelope, SealContext, StorageContext
from app.vault.wrap import SealingKeys
from app.verbs.wire import BindFactor, BoundFactor, OpenedSealingKey, OpenSealingKey, SealedEnvelope
from app.webauthn import store as passkeys
from app.webauthn.models import Passkey


def envelope_digest(envelope: SealedEnvelope) -> bytes:
    """What a device signs of an envelope: SHA-256 over both parts, length-prefixed."""
    return sha256(lp(envelope.ephemeral, envelope.ciphertext))


class FactorBinding:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        evidence: Evidence,
        sealing_keys: SealingKeys,
        identity: Identity,
        adding: FactorAdding,
        clock: Clock,
    ) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._sealing_keys = sealing_keys
        self._identity = identity
        self._adding = adding
        self._clock = clock
        self._openings = Openings()

    async def open_sealing_key(self, request: OpenSealingKey) -> OpenedSealingKey:
        """A one-time key to seal a secret to, signed by the HSM's identity key."""
        self._openings.check(request.device_id, self._clock.now())
        async with self._db.locked(request.trader_id) as tx:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
            await self._witness.check_may(tx, device, Verb.LINK)
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.SEALING_KEY_OPENED,
                    origin=request.origin,
                    token_id=device.device_id,
                    path=[device.root_id, device.device_id],
                    rule=request.purpose,
                ),
            )
        key = await self._sealing_keys.open_sealing_key()
        now = self._clock.now()
        expires_at = now + timedelta(seconds=key.lifetime_seconds)
        claims = {
            "domain": "tripcord/sealing-key/v1",
            "trader_id": str(request.trader_id),
            "sealing_key_id": str(key.sealing_key_id),
            "public_point": b64url(key.public_point),
            "purpose": request.purpose,
            "iat": unix_seconds(now),
            "expires_at": unix_seconds(expires_at),
        }
        statement = await self._identity.identity.sign_jws(
            typ=SEALING_KEY_TYP, payload=canonical_json(claims)
        )
        return OpenedSealingKey(
            sealing_key_id=key.sealing_key_id,
            public_point=key.public_point,
            expires_at=expires_at,
            statement=statement,
        )

    async def bind(self, request: BindFactor) -> BoundFactor:
        """Bind an authenticator app: a trader's first one at once, each further one once approved.

        For a further one the same request comes twice, the second time with its approval and with
        a code of then; the envelope stays closed until it was approved.

        Raises
        ------
        DeviceRejected, SignatureRejected, StatementRejected
            The device's word is missing, or is about something else.
        EnrolmentRefused
            A second key answered the enrolment code: somebody else has seen it.
        FactorRefused
            Another factor was approved, or there are as many as there may be.
        ApprovalNotApproved, EvidenceForged, …
            As `Executions.use`.
        SealingKeyGone, EnvelopeRefused
            The seed does not open; seal it again to a new key.
        TotpRejected
            The confirming code is not of this seed.
        """
        # (1) The device, and that it signed this very envelope.
        async with self._db.session() as tx:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
            first = await is_first(tx, self._evidence, device)
        asked_before = request.approval_id is not None
        signed = bind_factor_statement(
            request.statement, device, None if asked_before else self._clock.now()
        )
        if not hmac.compare_digest(
            digest_bytes(signed.envelope_sha256), envelope_digest(request.envelope)
        ):
            raise StatementRejected
        if not first and not asked_before:
            return await self._adding.ask(request, device, signed.label)
        factor_id = await self._adding.proposed(request) if asked_before else new_id()
        # (2) Open it inside the HSM; the HMACs of three steps come back, the seed does not.
        factor, seed, step = await self._import(request, device, signed, factor_id)
        # (3) Seal and log under the lock: for a trader who still has no factor, or as approved.
        async with self._db.locked(request.trader_id) as tx:
            await self._witness.check_may(tx, device, Verb.ENROL)
            trader = await traders.get(tx, request.trader_id)
            if trader is None or trader.frozen_empty:
                raise EnrolmentRefused
            if asked_before:
                await self._adding.use(tx, request, factor)
            else:
                await check_first(tx, self._evidence, device)
            (mac,) = await self._evidence.seal([factor.evidence()])
            await otp.insert(tx, msgspec.structs.replace(factor, mac=mac), seed, step)
            position = await self._log(tx, request, device, factor)
            await outbox.tell_platform(
                tx, request.trader_id, event="credential-change", fact="factor",
                fact_id=factor.factor_id, position=position,
            )  # fmt: skip
        return BoundFactor(factor.factor_id)

    async def _import(
        self, request: BindFactor, device: Device, signed: Signed, factor_id: UUID
    ) -> tuple[TotpFactor, WrappedSeed, int]:
        now = self._clock.now()
        steps = candidate_steps(now)
        imported = await self._sealing_keys.import_secret(
            sealing_key_id=signed.sealing_key_id,
            envelope=Envelope(request.envelope.ephemeral, request.envelope.ciphertext),
            seal_context=SealContext(
                trader_id=request.trader_id,
                purpose="totp",
                subject=str(device.device_id),
                algorithm=signed.algorithm,
            ),
            storage_context=StorageContext(
                trader_id=request.trader_id,
                subject_id=factor_id,
                purpose="totp",
                algorithm=signed.algorithm,
                key_version=1,
            ),
            totp_counters=steps,
        )
        step = matching_step(
            imported.hmacs, steps, code=request.code, digits=signed.digits, last_used_step=-1
        )
        factor = TotpFactor(
            trader_id=request.trader_id,
            factor_id=factor_id,
            root_id=device.root_id,
            device_id=device.device_id,
            algorithm=signed.algorithm,
            digits=signed.digits,
            period_seconds=signed.period_seconds,
            label=signed.label,
            bound_at=now,
            version=1,
            mac=b"",
        )
        key = imported.key
        return factor, WrappedSeed(shard=key.shard, blob=key.blob, blob_mac=key.mac), step

    async def _log(self, tx: Tx, request: BindFactor, device: Device, factor: TotpFactor) -> int:
        return await append_locked(
            tx,
            Entry(
                trader_id=request.trader_id,
                event=Event.FACTOR_BOUND,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=factor.factor_id,
                request_digest=envelope_digest(request.envelope),
            ),
        )


async def is_first(tx: Tx, evidence: Evidence, device: Device) -> bool:
    """Whether `check_first` would let a factor in without an approval."""
    try:
        await check_first(tx, evidence, device)
    except FactorNeedsApproval:
        return False
    return True


async def check_first(tx: Tx, evidence: Evidence, device: Device) -> None:
    """Raise unless there is nothing to protect yet under the device's root.

    No factor, and no credential either. What another root left, or what was removed, counts only
    as evidence: a row that merely says so is believed when the signer wrote it.
    """
    rows: list[TotpFactor | Passkey | Credential] = [
        *await otp.list_all(tx, device.trader_id),
        *await passkeys.list_all(tx, device.trader_id),
        *await credentials.list_all(tx, device.trader_id),
    ]
    if any(row.root_id == device.root_id and not _is_removed(row) for row in rows):
        raise FactorNeedsApproval
    if rows:
        await evidence.verify([(row.evidence(), row.mac) for row in rows])


def _is_removed(row: TotpFactor | Passkey | Credential) -> bool:
    return isinstance(row, Passkey) and row.state == "removed"
