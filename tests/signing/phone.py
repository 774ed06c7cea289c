"""A phone: what it signs and seals, with keys of its own and `cryptography`."""

import hashlib
import hmac
import secrets
from typing import Any
from uuid import UUID

from app.core import token
from app.core.origin import Origin
from app.otp.totp import truncate
from app.verbs.wire import (
    BindDevice,
    BindFactor,
    BoundDevice,
    Decide,
    ImportSecret,
    OpenedSealingKey,
    OpenSealingKey,
    RevealCode,
    SealChange,
    SealedEnvelope,
    VenueRead,
)
from tests.core.keys import P256, jws, text
from tests.signing.bot import now
from tests.signing.parts import Signer
from tests.vault import phone

DEVICE_TYP = "tripcord+jws"


class Phone:
    """What a trader's phone signs and seals: requests for the verbs, not yet sent."""

    trader_id: UUID
    bound: BoundDevice
    credential_id: UUID

    def __init__(self, signer: Signer) -> None:
        self.signer, self.device = signer, P256()
        self.api_key, self.secret = secrets.token_hex(16), secrets.token_bytes(32)
        self.seed = secrets.token_bytes(20)

    @property
    def origin(self) -> Origin:
        device = self.bound.device_id
        return Origin(actor=f"device:{device}", address="192.0.2.1", device_id=device)

    @property
    def root_id(self) -> UUID:
        return self.bound.root_token_id

    def bind_request(
        self, code: token.Token, *, device: P256 | None = None, **changes: Any
    ) -> BindDevice:
        device = device or self.device
        digest = hashlib.sha256(code.reveal().encode()).digest()
        claims = {
            "domain": "tripcord/bind-device/v1", "trader_id": str(code.trader_id),
            "code_sha256": text(digest), "jkt": device.jkt, "name": "phone", "iat": now(),
        } | changes  # fmt: skip
        return BindDevice(
            trader_id=code.trader_id, code_id=code.token_id, code_hash=code.secret_hash(),
            code_text_hash=digest, public_jwk=device.jwk, name="phone", push=None,
            statement=jws(device, DEVICE_TYP, claims),
            origin=Origin(actor=f"device:{device.jkt}"),
        )  # fmt: skip

    def sealing_key_request(self, purpose: Any) -> OpenSealingKey:
        return OpenSealingKey(
            trader_id=self.trader_id, device_id=self.bound.device_id, purpose=purpose,
            origin=self.origin,
        )  # fmt: skip

    async def open_sealing_key(self, purpose: Any) -> OpenedSealingKey:
        opened: OpenedSealingKey = await self.signer.ask(self.sealing_key_request(purpose))
        return opened

    def seal(
        self, key: OpenedSealingKey, secret: bytes, purpose: str, subject: str, algorithm: str
    ) -> SealedEnvelope:
        point, ciphertext, _ = phone.seal(
            phone.hmac_k0(secret, algorithm), public_point=key.public_point,
            trader_id=str(self.trader_id), purpose=purpose, subject=subject, algorithm=algorithm,
        )  # fmt: skip
        return SealedEnvelope(point, ciphertext)

    def code(self, *, step: int = 0) -> str:
        """What the authenticator app shows, `step` half minutes from now."""
        counter = int(self.signer.clock.now().timestamp()) // 30 + step
        return truncate(hmac.digest(self.seed, counter.to_bytes(8, "big"), "sha1"), 6)

    async def factor_request(self, **changes: Any) -> BindFactor:
        key = await self.open_sealing_key("totp")
        envelope = self.seal(key, self.seed, "totp", str(self.bound.device_id), "SHA1")
        return await self.factor_request_of(key, envelope, **changes)

    async def factor_request_of(
        self, key: OpenedSealingKey, envelope: SealedEnvelope, **changes: Any
    ) -> BindFactor:
        claims = {
            "domain": "tripcord/bind-factor/v1", "trader_id": str(self.trader_id),
            "device_id": str(self.bound.device_id), "sealing_key_id": str(key.sealing_key_id),
            "envelope_sha256": text(envelope_digest(envelope)), "algorithm": "SHA1", "digits": 6,
            "period_seconds": 30, "label": "app", "iat": now(),
        } | changes  # fmt: skip
        return BindFactor(
            trader_id=self.trader_id, device_id=self.bound.device_id,
            statement=jws(self.device, DEVICE_TYP, claims), envelope=envelope, code=self.code(),
            origin=self.origin,
        )  # fmt: skip

    async def import_request(self, **changes: Any) -> ImportSecret:
        key = await self.open_sealing_key("exchange")
        subject, algorithm = f"sandbox/{self.api_key}", "hmac-sha256"
        envelope = self.seal(key, self.secret, "exchange", subject, algorithm)
        message = phone._lp(
            b"tripcord/link-proof/v1", str(self.trader_id).encode(), b"sandbox",
            self.api_key.encode(), envelope.ephemeral,
        )  # fmt: skip
        proof = phone.hmac_of(self.secret, algorithm, message)
        return self.import_request_of(key.sealing_key_id, envelope, proof, **changes)

    def import_request_of(
        self, key_id: UUID, envelope: SealedEnvelope, proof: bytes, **changes: Any
    ) -> ImportSecret:
        """A link of this phone's own signing, about whatever envelope it is given."""
        claims = {
            "domain": "tripcord/link/v1", "trader_id": str(self.trader_id),
            "device_id": str(self.bound.device_id), "venue": "sandbox",
            "api_key_id": self.api_key, "label": "mine", "sealing_key_id": str(key_id),
            "envelope_sha256": text(envelope_digest(envelope)), "iat": now(),
        } | changes  # fmt: skip
        return ImportSecret(
            trader_id=self.trader_id, device_id=self.bound.device_id,
            statement=jws(self.device, DEVICE_TYP, claims), envelope=envelope,
            algorithm="hmac-sha256", proof=proof, origin=self.origin,
        )  # fmt: skip

    def read(self, what: Any = "permissions", **fields: Any) -> VenueRead:
        return VenueRead(
            trader_id=self.trader_id, credential_id=self.credential_id, what=what, **fields
        )

    async def decision(
        self, approval_id: UUID, decision: str = "approve", *, device: P256 | None = None,
        claims: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """The signed statement: about the nonce and the digest of the bytes that were shown."""
        shown = await self.signer.admin.fetchrow(
            "SELECT nonce, action FROM approval WHERE approval_id = $1", approval_id
        )
        said = {
            "domain": "tripcord/decision/v1", "trader_id": str(self.trader_id),
            "device_id": str(self.bound.device_id), "approval_id": str(approval_id),
            "nonce": text(shown["nonce"]),
            "digest": text(hashlib.sha256(shown["action"]).digest()), "decision": decision,
            "method": "totp" if decision == "approve" else "none", "iat": now(),
        } | (claims or {})  # fmt: skip
        return jws(device or self.device, DEVICE_TYP, said)

    async def decide_request(
        self, approval_id: UUID, decision: str = "approve", *, code: str | None = "",
        device: P256 | None = None, claims: dict[str, Any] | None = None,
    ) -> Decide:  # fmt: skip
        """A decision with the code that the authenticator shows now, or another, or none."""
        shown_code = self.code() if decision == "approve" else None
        return Decide(
            trader_id=self.trader_id, approval_id=approval_id,
            statement=await self.decision(approval_id, decision, device=device, claims=claims),
            code=shown_code if code == "" else code, origin=self.origin,
        )  # fmt: skip

    async def reveal_request(
        self, approval_id: UUID, *, device: P256 | None = None, **changes: Any
    ) -> RevealCode:
        """A yes that waits for a code to be typed; `changes` are of the claims."""
        claims = {"domain": "tripcord/reveal/v1", "method": "push_otp"} | changes
        statement = await self.decision(approval_id, device=device, claims=claims)
        return RevealCode(
            trader_id=self.trader_id, approval_id=approval_id, statement=statement,
            origin=self.origin,
        )  # fmt: skip

    def seal_request(self, approval_id: UUID) -> SealChange:
        return SealChange(trader_id=self.trader_id, approval_id=approval_id, origin=self.origin)

    def heartbeat(self, *, device: P256 | None = None, ago: int = 0, **changes: Any) -> SealChange:
        """A tap, signed `ago` seconds before the signer's now; `changes` are of the claims."""
        claims = {
            "domain": "tripcord/heartbeat/v1", "trader_id": str(self.trader_id),
            "device_id": str(self.bound.device_id), "nonce": text(secrets.token_bytes(32)),
            "iat": int(self.signer.clock.now().timestamp()) - ago,
        } | changes  # fmt: skip
        return SealChange(
            trader_id=self.trader_id, origin=self.origin,
            statement=jws(device or self.device, DEVICE_TYP, claims),
        )  # fmt: skip


def envelope_digest(envelope: SealedEnvelope) -> bytes:
    return hashlib.sha256(phone._lp(envelope.ephemeral, envelope.ciphertext)).digest()
