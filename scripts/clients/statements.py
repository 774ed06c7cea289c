"""What a phone signs with its device key: the exact claims, one function per domain.

Every payload names its `domain`, so a signature made for one purpose is worth nothing for
another, and its time. Ids are UUID texts, hashes base64url.
"""

import secrets
import time
from uuid import UUID

from scripts.clients.codes import PERIOD_SECONDS
from scripts.clients.encoding import Json, b64url, sha256
from scripts.clients.enrolment import Enrolment
from scripts.clients.keys import KeyPair
from scripts.clients.seal import Envelope, SealingKey


def bind_device(scanned: Enrolment, *, jkt: str, name: str) -> Json:
    """The key becomes a device of the trader that the scanned code names."""
    return {
        "domain": "tripcord/bind-device/v1",
        "trader_id": str(scanned.trader_id),
        "code_sha256": b64url(sha256(scanned.code.reveal().encode())),
        "jkt": jkt,
        "name": name,
        "iat": _now(),
    }


def add_device(trader_id: UUID, approval_id: UUID, *, jkt: str, name: str) -> Json:
    """By a further phone: its key takes the place that was approved for it."""
    return {
        "domain": "tripcord/add-device/v1",
        "trader_id": str(trader_id),
        "approval_id": str(approval_id),
        "jkt": jkt,
        "name": name,
        "iat": _now(),
    }


def bind_factor(
    device_id: UUID,
    key: SealingKey,
    envelope: Envelope,
    *,
    algorithm: str,
    digits: int,
    label: str,
) -> Json:
    """The sealed seed becomes an authenticator of this trader."""
    return {
        "domain": "tripcord/bind-factor/v1",
        "trader_id": str(key.trader_id),
        "device_id": str(device_id),
        "sealing_key_id": key.sealing_key_id,
        "envelope_sha256": envelope.digest(),
        "algorithm": algorithm,
        "digits": digits,
        "period_seconds": PERIOD_SECONDS,
        "label": label,
        "iat": _now(),
    }


def bind_passkey(
    trader_id: UUID, device_id: UUID, *, challenge_id: str, response_digest: bytes, label: str
) -> Json:
    """What an authenticator made becomes a passkey of this trader."""
    return {
        "domain": "tripcord/bind-passkey/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "challenge_id": challenge_id,
        "response_sha256": b64url(response_digest),
        "label": label,
        "iat": _now(),
    }


def link(
    device_id: UUID,
    key: SealingKey,
    envelope: Envelope,
    *,
    venue: str,
    api_key_id: str,
    label: str,
) -> Json:
    """The sealed exchange secret is proposed for linking."""
    return {
        "domain": "tripcord/link/v1",
        "trader_id": str(key.trader_id),
        "device_id": str(device_id),
        "venue": venue,
        "api_key_id": api_key_id,
        "label": label,
        "sealing_key_id": key.sealing_key_id,
        "envelope_sha256": envelope.digest(),
        "iat": _now(),
    }


def decision(
    trader_id: UUID,
    device_id: UUID,
    *,
    approval_id: UUID,
    nonce: str,
    shown_digest: bytes,
    verdict: str,
    method: str,
    number: str | None = None,
) -> Json:
    """Yes or no to exactly the bytes whose digest this phone computed from what it showed.

    `number` goes with `device_number`: as the person read it off the other screen.
    """
    return {
        "domain": "tripcord/decision/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "approval_id": str(approval_id),
        "nonce": nonce,
        "digest": b64url(shown_digest),
        "decision": verdict,
        "method": method,
        **({} if number is None else {"number": number}),
        "iat": _now(),
    }


def reveal(
    trader_id: UUID, device_id: UUID, *, approval_id: UUID, nonce: str, shown_digest: bytes
) -> Json:
    """Yes, once the code that this asks for was typed where the request came from."""
    return {
        "domain": "tripcord/reveal/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "approval_id": str(approval_id),
        "nonce": nonce,
        "digest": b64url(shown_digest),
        "decision": "approve",
        "method": "push_otp",
        "iat": _now(),
    }


def recovery_codes(trader_id: UUID, device_id: UUID, keys: dict[UUID, KeyPair]) -> Json:
    """The public halves of ten recovery codes, by the codes' ids."""
    return {
        "domain": "tripcord/recovery-codes/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "codes": [
            {"code_id": str(code_id), "x": key.public_jwk["x"]} for code_id, key in keys.items()
        ],
        "iat": _now(),
    }


def re_enrol(
    trader_id: UUID, code_id: UUID, *, jkt: str, name: str, authenticator_lost: bool
) -> Json:
    """A new phone comes back by a recovery code; the phone's key and the code's both sign this."""
    return {
        "domain": "tripcord/re-enrol/v1",
        "trader_id": str(trader_id),
        "code_id": str(code_id),
        "jkt": jkt,
        "name": name,
        "authenticator_lost": authenticator_lost,
        "iat": _now(),
    }


def re_enrol_by_passkey(
    trader_id: UUID, challenge_id: str, *, jkt: str, name: str, authenticator_lost: bool
) -> Json:
    """A new phone comes back by a passkey, which signs over the digest of this."""
    return {
        "domain": "tripcord/re-enrol-by-passkey/v1",
        "trader_id": str(trader_id),
        "challenge_id": challenge_id,
        "jkt": jkt,
        "name": name,
        "authenticator_lost": authenticator_lost,
        "iat": _now(),
    }


def end_re_enrolment(trader_id: UUID, re_enrolment_id: UUID, *, act: str) -> Json:
    """`veto` by an old phone; `cancel` or `complete` by the new one."""
    return {
        "domain": "tripcord/re-enrolment-end/v1",
        "trader_id": str(trader_id),
        "re_enrolment_id": str(re_enrolment_id),
        "act": act,
        "iat": _now(),
    }


def heartbeat(trader_id: UUID, device_id: UUID) -> Json:
    """A tap: this device is in its owner's hand now. Renews the leases of the owner's bots."""
    return {
        "domain": "tripcord/heartbeat/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "nonce": b64url(secrets.token_bytes(32)),
        "iat": _now(),
    }


def narrow(trader_id: UUID, device_id: UUID, *, token_id: UUID, version: int, limits: Json) -> Json:
    """Less for one node, as of the version this phone read. What is not named stays."""
    return {
        "domain": "tripcord/narrow/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "token_id": str(token_id),
        "version": version,
        "limits": limits,
        "iat": _now(),
    }


def policy(trader_id: UUID, device_id: UUID, *, version: int, policy: Json) -> Json:
    """A whole policy, to follow the version this phone read."""
    return {
        "domain": "tripcord/policy/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "version": version,
        "policy": policy,
        "iat": _now(),
    }


def policy_cancel(trader_id: UUID, device_id: UUID, *, version: int) -> Json:
    """Take back the change of policy that waits under this version."""
    return {
        "domain": "tripcord/policy-cancel/v1",
        "trader_id": str(trader_id),
        "device_id": str(device_id),
        "version": version,
        "iat": _now(),
    }


def _now() -> int:
    return int(time.time())
