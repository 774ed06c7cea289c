"""What is asked of an authenticator: the challenge over an approval, and the options as JSON."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from app.core.canonical import sha256
from app.core.encoding import b64url
from app.webauthn.models import CHALLENGE_LIFE, Challenge, Passkey, user_handle

_APPROVE: Final = b"tripcord/approve/v1\0"
_RE_ENROL: Final = b"tripcord/re-enrol/v1\0"
_ALGORITHMS: Final = (-7, -8, -257)
_RP_NAME: Final = "Tripcord"


def approval_challenge(approval_id: UUID, nonce: bytes, digest: bytes) -> bytes:
    """What a passkey signs to approve (DESIGN section 6): this action, and this asking for it.

    All three parts have a fixed length, so no two approvals share a message.
    """
    return hashlib.sha256(_APPROVE + approval_id.bytes + nonce + digest).digest()


def re_enrolment_challenge(challenge: bytes, statement: str) -> bytes:
    """What a passkey signs to let a new device's key in: our random bytes, and that key's own word.

    Whoever relays both can therefore not put another key in its place.
    """
    return hashlib.sha256(_RE_ENROL + challenge + sha256(statement.encode())).digest()


def creation_options(
    challenge: Challenge, rp_id: str, known: Sequence[Passkey], *, label: str
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON: discoverable, user verified, no attestation."""
    return {
        "rp": {"id": rp_id, "name": _RP_NAME},
        "user": {
            "id": b64url(user_handle(challenge.trader_id)),
            "name": label,
            "displayName": label,
        },
        "challenge": b64url(challenge.challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in _ALGORITHMS],
        "timeout": _milliseconds(),
        "excludeCredentials": [_descriptor(passkey) for passkey in known],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def _descriptor(passkey: Passkey) -> dict[str, Any]:
    return {
        "type": "public-key",
        "id": b64url(passkey.credential_id),
        "transports": passkey.transports,
    }


def _milliseconds() -> int:
    return int(CHALLENGE_LIFE.total_seconds() * 1000)
