"""What a device or a model key signs: one struct per domain, exact fields, nothing more.

The payload of every statement is canonical JSON with its own `domain`, so that a signature made
for one purpose is worth nothing for another.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from app.core.canonical import parse_canonical
from app.core.encoding import b64url_decode
from app.core.errors import DomainError
from app.core.jose import Jwk, SignatureRejected, split, verify_statement

DEVICE_TYP = "tripcord+jws"
ORDER_TYP = "tripcord-order+jws"
SEALING_KEY_TYP = "tripcord-sealing-key+jws"
CHECKPOINT_TYP = "tripcord-checkpoint+jws"
TOKEN_SEAL_TYP = "tripcord-token-seal+jws"  # noqa: S105 - a JOSE type

Text64 = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text128 = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Digest = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")
]  # fmt: skip
"""Base64url of 32 bytes; the last character carries four bits, so only these can stand there."""

Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}\Z")]


class BindDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/bind-device/v1"]
    trader_id: UUID
    code_sha256: Digest
    jkt: Digest
    name: Text64
    iat: int


class AddDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By a further device's own key: it takes the place that was approved for it."""

    domain: Literal["tripcord/add-device/v1"]
    trader_id: UUID
    approval_id: UUID
    jkt: Digest
    name: Text64
    iat: int


class BindFactor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/bind-factor/v1"]
    trader_id: UUID
    device_id: UUID
    sealing_key_id: UUID
    envelope_sha256: Digest
    algorithm: Literal["SHA1", "SHA256", "SHA512"]
    digits: Literal[6, 8]
    period_seconds: Literal[30]
    label: Text64
    iat: int


class BindPasskey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`response_sha256` is over what the authenticator made: see `enrolment.passkeys`."""

    domain: Literal["tripcord/bind-passkey/v1"]
    trader_id: UUID
    device_id: UUID
    challenge_id: UUID
    response_sha256: Digest
    label: Text64
    iat: int


class LinkCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/link/v1"]
    trader_id: UUID
    device_id: UUID
    venue: Text64
    api_key_id: Text128
    label: Text64
    sealing_key_id: UUID
    envelope_sha256: Digest
    iat: int


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`number` is there with `device_number`: what was read from the requester's screen."""

    domain: Literal["tripcord/decision/v1"]
    trader_id: UUID
    device_id: UUID
    approval_id: UUID
    nonce: Digest
    digest: Digest
    decision: Literal["approve", "deny", "fraud"]
    method: Literal["totp", "webauthn", "device_number", "push_otp", "none"]
    iat: int
    number: Number | msgspec.UnsetType = msgspec.UNSET


class Reveal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yes to this action, once the code that this asks for was typed where it was asked for."""

    domain: Literal["tripcord/reveal/v1"]
    trader_id: UUID
    device_id: UUID
    approval_id: UUID
    nonce: Digest
    digest: Digest
    decision: Literal["approve"]
    method: Literal["push_otp"]
    iat: int


class CodeKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public half of one recovery code: an Ed25519 point."""

    code_id: UUID
    x: Digest


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/recovery-codes/v1"]
    trader_id: UUID
    device_id: UUID
    codes: Annotated[list[CodeKey], msgspec.Meta(min_length=10, max_length=10)]
    iat: int


class ReEnrol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed twice over the same words: by the new device's key and by the recovery code's."""

    domain: Literal["tripcord/re-enrol/v1"]
    trader_id: UUID
    code_id: UUID
    jkt: Digest
    name: Text64
    authenticator_lost: bool
    iat: int


class ReEnrolByPasskey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed by the new device's key; the passkey signs over its digest."""

    domain: Literal["tripcord/re-enrol-by-passkey/v1"]
    trader_id: UUID
    challenge_id: UUID
    jkt: Digest
    name: Text64
    authenticator_lost: bool
    iat: int


class EndReEnrolment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/re-enrolment-end/v1"]
    trader_id: UUID
    re_enrolment_id: UUID
    act: Literal["veto", "cancel", "complete"]
    iat: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/heartbeat/v1"]
    trader_id: UUID
    device_id: UUID
    nonce: Digest
    iat: int


class NarrowAmount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: Text64
    quote: Text64


class NarrowLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expires_at` is RFC 3339. `lease_hours`: a lease where there was none is less as well."""

    markets: Annotated[list[Text64], msgspec.Meta(max_length=64)] | None = None
    allocation: NarrowAmount | None = None
    max_order: NarrowAmount | None = None
    free_limit: NarrowAmount | None = None
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    scope: Annotated[list[Text64], msgspec.Meta(max_length=16)] | None = None
    ip_networks: Annotated[list[Text64], msgspec.Meta(max_length=32)] | None = None
    lease_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] | None = None


class Narrow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Less for one node, as of one version of it. Limits that are not named stay."""

    domain: Literal["tripcord/narrow/v1"]
    trader_id: UUID
    device_id: UUID
    token_id: UUID
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    limits: NarrowLimits
    iat: int


class PolicyStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole policy, to follow one version of it; what it may contain the policies room says."""

    domain: Literal["tripcord/policy/v1"]
    trader_id: UUID
    device_id: UUID
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    policy: dict[str, Any]
    iat: int


class PolicyCancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take back the change of a policy that waits under this version."""

    domain: Literal["tripcord/policy-cancel/v1"]
    trader_id: UUID
    device_id: UUID
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    iat: int


class TokenSeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signer's word on what one platform token may do; signed by the HSM's identity key."""

    domain: Literal["tripcord/token-seal/v1"]
    trader_id: UUID
    token_id: UUID
    root_id: UUID
    platform_id: UUID
    approval_id: UUID
    jkt: Digest
    scope: list[str]
    ip_networks: list[str]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    version: int


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Literal["tripcord/order/v1"]
    trader_id: UUID
    grant_id: UUID
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    iat: int
    exp: int
    intent: dict[str, Any]


Statement = TypeVar(
    "Statement",
    BindDevice,
    BindFactor,
    BindPasskey,
    LinkCredential,
    Decision,
    Reveal,
    AddDevice,
    Heartbeat,
    RecoveryCodes,
    ReEnrol,
    ReEnrolByPasskey,
    EndReEnrolment,
    Order,
    Narrow,
    TokenSeal,
    PolicyStatement,
    PolicyCancel,
)

_DOMAINS: dict[type[Any], str] = {
    BindDevice: "tripcord/bind-device/v1",
    BindFactor: "tripcord/bind-factor/v1",
    BindPasskey: "tripcord/bind-passkey/v1",
    LinkCredential: "tripcord/link/v1",
    Decision: "tripcord/decision/v1",
    Reveal: "tripcord/reveal/v1",
    AddDevice: "tripcord/add-device/v1",
    RecoveryCodes: "tripcord/recovery-codes/v1",
    ReEnrol: "tripcord/re-enrol/v1",
    ReEnrolByPasskey: "tripcord/re-enrol-by-passkey/v1",
    EndReEnrolment: "tripcord/re-enrolment-end/v1",
    Heartbeat: "tripcord/heartbeat/v1",
    Order: "tripcord/order/v1",
    Narrow: "tripcord/narrow/v1",
    TokenSeal: "tripcord/token-seal/v1",
    PolicyStatement: "tripcord/policy/v1",
    PolicyCancel: "tripcord/policy-cancel/v1",
}
_TYPS: dict[type[Any], str] = {Order: ORDER_TYP, TokenSeal: TOKEN_SEAL_TYP}
"""Where it is not a device's."""


def verify(token: str, shape: type[Statement], *, expected_key: Jwk) -> Statement:
    """Verify a signed statement of one shape with the key that must have made it.

    Raises
    ------
    SignatureRejected
        Bad signature, other domain, unknown or missing field, wrong type.
    """
    claims = verify_statement(
        token,
        expected_key=expected_key,
        expected_typ=_TYPS.get(shape, DEVICE_TYP),
        expected_domain=_DOMAINS[shape],
    )
    try:
        return msgspec.convert(claims, shape)
    except msgspec.ValidationError:
        raise SignatureRejected from None


def digest_bytes(text: Digest) -> bytes:
    """32 bytes of a digest field whose shape was already validated."""
    raw = b64url_decode(text)
    if len(raw) != 32:  # noqa: PLR2004 - SHA-256
        raise SignatureRejected
    return raw


def claimed(token: str, field: str) -> str:
    """What a statement says in one text field, unverified: only to find who must verify it.

    Raises
    ------
    SignatureRejected
        Not a JWS whose payload is canonical JSON with this field.
    """
    try:
        claims = parse_canonical(split(token)[1])
    except DomainError:
        raise SignatureRejected from None
    value = claims.get(field) if isinstance(claims, dict) else None
    if not isinstance(value, str):
        raise SignatureRejected
    return value
