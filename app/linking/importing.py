"""`import_secret`: an exchange secret goes from the phone into the HSM and nowhere else."""

import hmac
from typing import Final
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.encoding import lp
from app.core.ids import new_id
from app.core.statements import LinkCredential, digest_bytes
from app.credentials import store
from app.credentials.models import Credential, LinkState, WrappedSecret
from app.db.pool import Database, Tx
from app.deciding.errors import StatementRejected
from app.deciding.witness import Witness, link_statement
from app.devices.models import Device
from app.exchanges.venues import venue
from app.guardrails.rungs import Verb
from app.linking.errors import AlgorithmUnsupported, FactorMissing
from app.otp import store as otp
from app.tokens import store as tokens
from app.tokens.models import ROOT_LIFE, NewNode
from app.vault.evidence import Evidence
from app.vault.models import Envelope, ImportedKey, Proof, SealContext, StorageContext
from app.vault.wrap import SealingKeys
from app.verbs.wire import ImportedCredential, ImportSecret

_HMAC_SHA256: Final = "hmac-sha256"


def link_proof_message(trader_id: UUID, venue_id: str, api_key_id: str, ephemeral: bytes) -> bytes:
    """What the secret itself signs, so that a seen envelope is worth nothing elsewhere."""
    parts = ("tripcord/link-proof/v1", str(trader_id), venue_id, api_key_id)
    return lp(*(part.encode() for part in parts), ephemeral)


class Importing:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        evidence: Evidence,
        sealing_keys: SealingKeys,
        clock: Clock,
    ) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._sealing_keys = sealing_keys
        self._clock = clock

    async def import_secret(self, request: ImportSecret) -> ImportedCredential:
        """Import a sealed exchange secret on the device's word; nothing is linked by it yet.

        Raises
        ------
        DeviceRejected, SignatureRejected, StatementRejected
            The device's word is missing, or is about something else.
        VenueUnknown, AlgorithmUnsupported, FactorMissing
            It could never become active.
        SealingKeyGone, EnvelopeRefused, ProofRefused
            The envelope does not open here, or not with this secret's own proof.
        """
        # (1) The device, and that it signed this very envelope for this venue and key id.
        async with self._db.session() as tx:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
        signed = link_statement(request.statement, device, self._clock.now())
        digest = sha256(lp(request.envelope.ephemeral, request.envelope.ciphertext))
        if not hmac.compare_digest(digest_bytes(signed.envelope_sha256), digest):
            raise StatementRejected
        # (2) A venue we read back, and an algorithm it signs with.
        venue(signed.venue)
        if request.algorithm != _HMAC_SHA256:
            raise AlgorithmUnsupported
        # (3) Into the HSM: it opens the envelope, checks the proof, wraps under a shard key.
        credential_id = new_id()
        imported = await self._import(request, signed, credential_id)
        # (4) The node, the row with its MAC, and the log entry.
        async with self._db.locked(request.trader_id) as tx:
            await self._witness.check_may(tx, device, Verb.LINK)
            if not await otp.list_all(tx, request.trader_id):
                raise FactorMissing
            await self._store(tx, request, device, signed, imported, credential_id, digest)
        return ImportedCredential(credential_id=credential_id, state=LinkState.PENDING)

    async def _import(
        self, request: ImportSecret, signed: LinkCredential, credential_id: UUID
    ) -> ImportedKey:
        return await self._sealing_keys.import_secret(
            sealing_key_id=signed.sealing_key_id,
            envelope=Envelope(request.envelope.ephemeral, request.envelope.ciphertext),
            seal_context=SealContext(
                trader_id=request.trader_id,
                purpose="exchange",
                subject=f"{signed.venue}/{signed.api_key_id}",
                algorithm=_HMAC_SHA256,
            ),
            storage_context=StorageContext(
                trader_id=request.trader_id,
                subject_id=credential_id,
                purpose=signed.venue,
                algorithm=_HMAC_SHA256,
                key_version=1,
            ),
            proof=Proof(
                link_proof_message(
                    request.trader_id, signed.venue, signed.api_key_id, request.envelope.ephemeral
                ),
                request.proof,
            ),
        )

    async def _store(
        self,
        tx: Tx,
        request: ImportSecret,
        device: Device,
        signed: LinkCredential,
        imported: ImportedKey,
        credential_id: UUID,
        digest: bytes,
    ) -> None:
        now = self._clock.now()
        node = await tokens.mint(
            tx,
            NewNode(
                trader_id=request.trader_id,
                token_id=credential_id,
                kind="credential",
                parent_id=device.root_id,
                label=signed.label,
                expires_at=now + ROOT_LIFE,
            ),
        )
        credential = Credential(
            trader_id=request.trader_id,
            credential_id=credential_id,
            root_id=device.root_id,
            path=node.path,
            device_id=device.device_id,
            venue_id=signed.venue,
            api_key_id=signed.api_key_id,
            algorithm=request.algorithm,
            label=signed.label,
            envelope_sha256=digest,
            state=LinkState.PENDING,
            refused_reason=None,
            permissions=None,
            attested_at=None,
            approval_id=None,
            linked_at=now,
            version=1,
            mac=b"",
        )
        (mac,) = await self._evidence.seal([credential.evidence()])
        key = imported.key
        await store.insert(
            tx,
            msgspec.structs.replace(credential, mac=mac),
            WrappedSecret(shard=key.shard, blob=key.blob, blob_mac=key.mac),
        )
        await append_locked(
            tx,
            Entry(
                trader_id=request.trader_id,
                event=Event.CREDENTIAL_IMPORTED,
                origin=request.origin,
                token_id=credential_id,
                path=node.path,
                subject_id=credential_id,
                request_digest=digest,
            ),
        )
