"""What only this drill needs of a trader, planted beneath the API like the rest (`traders`).

An authenticator, a recovery code and a platform token: each sealed by the signer's own HSM, none
asked of a person.
"""

import base64
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from pyotp import hotp

from app.core import token
from app.core.canonical import canonical_json
from app.core.ids import new_id
from app.core.statements import TOKEN_SEAL_TYP, TokenSeal
from app.core.token import TokenKind
from app.otp import store as otp
from app.otp.models import TotpFactor, WrappedSeed
from app.platforms.tokens import seal_bytes
from app.recovery import store as recovery
from app.recovery.models import RecoveryCode, ReEnrolment
from app.vault.client import HsmWorkers
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.vault.models import Envelope, SealContext, StorageContext
from app.vault.wrap import SealingKeys
from scripts.clients import seal
from scripts.clients.keys import KeyPair
from scripts.clients.recovery import RecoveryCode as PaperCode
from scripts.clients.recovery import make_code
from scripts.drills.traders import Bearer, Trader

_HSM_SECONDS = 30.0
_PERIOD_SECONDS = 30
_WAITED = timedelta(hours=24, seconds=1)
_APPROVAL = """
    INSERT INTO approval (trader_id, approval_id, requester, action_type, action, digest, nonce,
                          required_strength, subject_id, state, created_at, expires_at, decided_at,
                          consumed_at)
    VALUES ($1, $2, 'drill', 'token.child', '{}', sha256('{}'), sha256('{}'), 'medium', $3,
            'consumed', now(), now() + interval '2 minutes', now(), now())
"""


@dataclass
class Authenticator:
    """The trader's app. A step is used once, and a phone is not believed about the time."""

    seed: bytes
    step: int = field(default=0)

    def code(self) -> str:
        """The code of the first step that is not used up, as a hurried owner would type it."""
        self.step = max(self.step + 1, int(time.time()) // _PERIOD_SECONDS - 1)
        return str(hotp.HOTP(base64.b32encode(self.seed).decode()).at(self.step))


class Planter:
    """`owner` is a connection beneath every grant; `workers` the signer's own HSM token."""

    def __init__(self, owner: Any, workers: HsmWorkers, platform_id: UUID) -> None:
        self._owner, self._platform_id = owner, platform_id
        self._evidence, self._sealing = Evidence(workers), SealingKeys(workers)
        self._identity = Identity(workers).identity

    async def _mac(self, row: Any) -> Any:
        (mac,) = await self._evidence.seal([row.evidence()], deadline_seconds=_HSM_SECONDS)
        return msgspec.structs.replace(row, mac=mac)

    async def platform_token(self, trader: Trader) -> Bearer:
        """A token of the platform's in the trader's tree, as if it had been approved."""
        bearer = token.mint(TokenKind.PLATFORM, trader.trader_id, new_id())
        key, root, approval_id = KeyPair.p256(), trader.root_path[0], new_id()
        ends = datetime.now(UTC) + timedelta(days=1)
        sealed = TokenSeal(
            domain="tripcord/token-seal/v1", trader_id=trader.trader_id, token_id=bearer.token_id,
            root_id=root, platform_id=self._platform_id, approval_id=approval_id, jkt=key.jkt,
            scope=["tree.read"], ip_networks=[], expires_at=ends, version=1,
        )  # fmt: skip
        statement = await self._identity.sign_jws(
            typ=TOKEN_SEAL_TYP, payload=seal_bytes(sealed), deadline_seconds=_HSM_SECONDS
        )
        await self._owner.execute(
            "INSERT INTO token (trader_id, token_id, kind, parent_id, path, secret_hash, jkt,"
            " scope, label, expires_at) VALUES ($1,$2,'platform',$3,$4,$5,$6,'{tree.read}','x',$7)",
            *(trader.trader_id, bearer.token_id, root, [root, bearer.token_id]),
            *(bearer.secret_hash(), key.jkt, ends),
        )
        await self._owner.execute(_APPROVAL, trader.trader_id, approval_id, bearer.token_id)
        await self._owner.execute(
            "INSERT INTO platform_token VALUES ($1, $2, $3, $4, 1, now())",
            *(trader.trader_id, bearer.token_id, approval_id, statement),
        )
        return Bearer(bearer, key, (root, bearer.token_id))

    async def authenticator(self, trader: Trader) -> Authenticator:
        """A seed sealed as a phone seals it, and imported into the HSM."""
        device_id, factor_id = trader.phone.path[-1], new_id()
        seed = secrets.token_bytes(20)
        key = await self._sealing.open_sealing_key(deadline_seconds=_HSM_SECONDS)
        envelope = seal.seal(
            seed,
            seal.SealingKey(str(key.sealing_key_id), key.public_point, trader.trader_id, "totp"),
            subject=str(device_id),
            algorithm="SHA1",
        )
        imported = await self._sealing.import_secret(
            sealing_key_id=key.sealing_key_id,
            envelope=Envelope(envelope.ephemeral, envelope.ciphertext),
            seal_context=SealContext(
                trader_id=trader.trader_id, purpose="totp", subject=str(device_id), algorithm="SHA1"
            ),
            storage_context=StorageContext(
                trader_id=trader.trader_id, subject_id=factor_id, purpose="totp",
                algorithm="SHA1", key_version=1,
            ),
            totp_counters=(0, 1, 2),
            deadline_seconds=_HSM_SECONDS,
        )  # fmt: skip
        factor = TotpFactor(
            trader_id=trader.trader_id, factor_id=factor_id, root_id=trader.root_path[0],
            device_id=device_id, algorithm="SHA1", digits=6, period_seconds=30, label="drill",
            bound_at=datetime.now(UTC), version=1, mac=b"",
        )  # fmt: skip
        wrapped = imported.key
        sealed = WrappedSeed(shard=wrapped.shard, blob=wrapped.blob, blob_mac=wrapped.mac)
        await otp.insert(self._owner, await self._mac(factor), sealed, 0)
        return Authenticator(seed)

    async def recovery_code(self, trader: Trader) -> PaperCode:
        """One code on paper; a set has ten, of which this drill needs none other."""
        paper = make_code(trader.trader_id)
        row = await self._mac(
            RecoveryCode(
                trader_id=trader.trader_id, code_id=paper.code_id, set_number=1,
                root_id=trader.root_path[0], device_id=trader.phone.path[-1],
                public_jwk=canonical_json(paper.key.public_jwk), bound_at=datetime.now(UTC),
                version=1, mac=b"",
            )
        )  # fmt: skip
        await recovery.add_codes(self._owner, [row])
        return paper

    async def let_a_day_pass(self, re_enrolment_id: UUID) -> None:
        """As if a re-enrolment had begun that much earlier: moved back, and sealed again."""
        found = await self._owner.fetchrow(
            "SELECT * FROM re_enrolment WHERE re_enrolment_id = $1", re_enrolment_id
        )
        row = msgspec.convert(dict(found), ReEnrolment)
        names = ("begun_at", "not_before", "expires_at")
        earlier: dict[str, Any] = {name: getattr(row, name) - _WAITED for name in names}
        moved = await self._mac(msgspec.structs.replace(row, **earlier))
        async with self._owner.transaction():
            await self._owner.execute("SET LOCAL session_replication_role = 'replica'")
            await self._owner.execute(
                "UPDATE re_enrolment SET begun_at = $2, not_before = $3, expires_at = $4, mac = $5"
                " WHERE re_enrolment_id = $1",
                *(re_enrolment_id, moved.begun_at, moved.not_before, moved.expires_at, moved.mac),
            )
