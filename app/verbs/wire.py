"""The structs on the wire. The unions at the end are the closed verb lists (DESIGN section 3)."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

import msgspec

from app.core.origin import Origin
from app.verbs.answers import BegunReEnrolment, BoundPasskey, OpenedCeremony, SignerStatus

MAX_FRAME_BYTES = 1 << 20
ReadKind = Literal["permissions", "balances", "open_orders", "order"]


class Verb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="verb"):
    """A request. `RESULT` is the struct of its answer."""

    RESULT: ClassVar[Any] = None


class SealedEnvelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ciphertext from the client: `ephemeral` 65 bytes (P-256 point), `ciphertext` RFC 3394."""

    ephemeral: bytes
    ciphertext: bytes


class PushTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: Literal["fcm"]
    kind: Literal["fid", "token"]
    registration: str


class BoundDevice(msgspec.Struct, frozen=True, kw_only=True):
    """`device_token` is the whole token string: relayed once, kept nowhere."""

    trader_id: UUID
    device_id: UUID
    root_token_id: UUID
    device_token: str
    identity_jwk: dict[str, str]
    identity_jkt: str
    checkpoint_jkt: str

    def __repr__(self) -> str:
        return f"BoundDevice(device_id={self.device_id})"


class BindDevice(Verb, frozen=True, tag="bind_device"):
    """A first phone, by its enrolment code, or a further one, by an approval."""

    RESULT = BoundDevice
    trader_id: UUID
    public_jwk: dict[str, str]
    name: str
    push: PushTarget | None
    statement: str
    origin: Origin
    code_id: UUID = UUID(int=0)
    code_hash: bytes = b""
    code_text_hash: bytes = b""
    approval_id: UUID | None = None


class BoundFactor(msgspec.Struct, frozen=True):
    factor_id: UUID
    state: Literal["bound", "awaiting_approval"] = "bound"
    approval_id: UUID | None = None


class BindFactor(Verb, frozen=True, tag="bind_factor"):
    RESULT = BoundFactor
    trader_id: UUID
    device_id: UUID
    statement: str
    envelope: SealedEnvelope
    code: str
    origin: Origin
    approval_id: UUID | None = None


class OpenCeremony(Verb, frozen=True, tag="open_ceremony"):
    """A challenge for a passkey: a device's (`device_id`, `label`), or for coming back (`jkt`)."""

    RESULT = OpenedCeremony
    trader_id: UUID
    purpose: Literal["register", "re_enrol"]
    device_id: UUID | None
    jkt: str | None
    label: str | None
    origin: Origin


class BindPasskey(Verb, frozen=True, tag="bind_passkey"):
    """`response` is a RegistrationResponseJSON."""

    RESULT = BoundPasskey
    trader_id: UUID
    device_id: UUID
    statement: str
    response: bytes
    origin: Origin


class BoundRecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """`bound`, or `awaiting_approval` with the approval that the same statement comes back with."""

    state: Literal["bound", "awaiting_approval"]
    codes_left: int
    approval_id: UUID | None = None


class BindRecoveryCodes(Verb, frozen=True, tag="bind_recovery_codes"):
    RESULT = BoundRecoveryCodes
    trader_id: UUID
    device_id: UUID
    statement: str
    approval_id: UUID | None
    origin: Origin


class BeginReEnrolment(Verb, frozen=True, tag="begin_re_enrolment"):
    """`statement` by the new device's key; then by a recovery code, `code_statement` by its key
    and the same words, or by a passkey, an AuthenticationResponseJSON.
    """

    RESULT = BegunReEnrolment
    trader_id: UUID
    code_id: UUID | None
    public_jwk: dict[str, str]
    name: str
    push: PushTarget | None
    statement: str
    code_statement: str | None
    origin: Origin
    challenge_id: UUID | None = None
    assertion: bytes | None = None


class EndedReEnrolment(msgspec.Struct, frozen=True, kw_only=True):
    """`device` after completing. `receipt` where completing revoked the old root: shown once."""

    state: str
    device: BoundDevice | None = None
    receipt: str | None = None

    def __repr__(self) -> str:
        return f"EndedReEnrolment({self.state})"


class EndReEnrolment(Verb, frozen=True, tag="end_re_enrolment"):
    """A veto by an old device (`device_id`), or cancelling or completing by the new one's key."""

    RESULT = EndedReEnrolment
    trader_id: UUID
    re_enrolment_id: UUID
    act: Literal["veto", "cancel", "complete"]
    device_id: UUID | None
    statement: str
    origin: Origin


class OpenedSealingKey(msgspec.Struct, frozen=True, kw_only=True):
    sealing_key_id: UUID
    public_point: bytes
    expires_at: datetime
    statement: str


class OpenSealingKey(Verb, frozen=True, tag="open_sealing_key"):
    RESULT = OpenedSealingKey
    trader_id: UUID
    device_id: UUID
    purpose: Literal["totp", "exchange"]
    origin: Origin


class ImportedCredential(msgspec.Struct, frozen=True, kw_only=True):
    credential_id: UUID
    state: str


class ImportSecret(Verb, frozen=True, tag="import_secret"):
    RESULT = ImportedCredential
    trader_id: UUID
    device_id: UUID
    statement: str
    envelope: SealedEnvelope
    algorithm: str
    proof: bytes
    origin: Origin


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    approval_id: UUID
    action_type: str
    subject_id: UUID
    state: str


class Decide(Verb, frozen=True, tag="decide"):
    """A device's decision, with what its method takes: a code (of `factor_id`, where there are
    several authenticators), or a passkey's assertion (JSON). Without `statement` it is what was
    typed on the requester's screen: the code alone, of a sign-in or told to the phone.
    """

    RESULT = Decided
    trader_id: UUID
    approval_id: UUID
    statement: str | None
    code: str | None
    origin: Origin
    assertion: bytes | None = None
    factor_id: UUID | None = None


class RevealedCode(msgspec.Struct, frozen=True, kw_only=True):
    """Digits for one screen: the requester's number, or a phone's one-time password."""

    code: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"RevealedCode(expires_at={self.expires_at})"


class RevealCode(Verb, frozen=True, tag="reveal_code"):
    """The one-time password for a device's `statement`; without one the requester's number."""

    RESULT = RevealedCode
    trader_id: UUID
    approval_id: UUID
    statement: str | None
    origin: Origin


class SealedChange(msgspec.Struct, frozen=True, kw_only=True):
    subject_id: UUID
    state: str
    version: int | None = None


NO_APPROVAL = UUID(int=0)
"""Names nothing: what takes an approval finds none under it and refuses."""


class SealChange(Verb, frozen=True, kw_only=True, tag="seal_change"):
    """Carry out an approved action, or, with `statement`, what one device may do by itself."""

    RESULT = SealedChange
    trader_id: UUID
    origin: Origin
    approval_id: UUID = NO_APPROVAL
    statement: str | None = None


class OrderOutcome(msgspec.Struct, frozen=True, kw_only=True):
    order_id: UUID
    state: str
    client_order_id: str
    sequence: int
    approval_id: UUID | None = None


class SignOrder(Verb, frozen=True, tag="sign_order"):
    """A new order (`order`, its JWS), or a held one whose approval was decided; of an approved
    batch the one at place `leaf`.
    """

    RESULT = OrderOutcome
    trader_id: UUID
    grant_id: UUID | None
    order: str | None
    approval_id: UUID | None
    origin: Origin
    leaf: int | None = None


class VenueAnswer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A signed venue request on its way to the courier: a capability, so without a repr."""

    trader_id: UUID
    credential_id: UUID
    venue_id: str
    purpose: str
    subject_id: UUID | None
    method: str
    path_and_query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Release({self.venue_id} {self.purpose} {self.subject_id})"


class ReadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The signed read, or, once the answer was given, the credential's state."""

    release: Release | None = None
    state: str | None = None


class VenueRead(Verb, frozen=True, tag="venue_read"):
    RESULT = ReadReply
    trader_id: UUID
    credential_id: UUID
    what: ReadKind
    order_id: UUID | None = None
    answer: VenueAnswer | None = None


class CleanUpReply(msgspec.Struct, frozen=True, kw_only=True):
    """`items` after expansion; `release` for one item, None where the venue has no such call."""

    items: int = 0
    release: Release | None = None


class CleanUp(Verb, frozen=True, tag="clean_up"):
    """Expand a revocation into items (no `item_no`), or sign the request of one item."""

    RESULT = CleanUpReply
    trader_id: UUID
    revocation_id: UUID
    item_no: int | None = None


class SignedStatement(msgspec.Struct, frozen=True):
    """A compact JWS, meant for the one it names as its audience."""

    token: str


class SignStatement(Verb, frozen=True, tag="sign_statement"):
    """The security event token of one queued message. Names it, and says nothing of its claims."""

    RESULT = SignedStatement
    template: Literal["set"]
    trader_id: UUID
    message_id: UUID


class SignRedemption(Verb, frozen=True, tag="sign_statement"):
    """Use up one approved external action and sign that it was approved, for its platform alone."""

    RESULT = SignedStatement
    template: Literal["redemption", "id_token"]
    trader_id: UUID
    approval_id: UUID
    platform_id: UUID
    origin: Origin


class Status(Verb, frozen=True, tag="status"):
    RESULT = SignerStatus


class Accepted(msgspec.Struct, frozen=True):
    """The courier has it. What the venue says comes as rows."""


class Send(Verb, frozen=True, tag="send"):
    RESULT = Accepted
    release: Release


ApiVerb = (
    BindDevice
    | BindFactor
    | OpenCeremony
    | BindPasskey
    | BindRecoveryCodes
    | BeginReEnrolment
    | EndReEnrolment
    | OpenSealingKey
    | ImportSecret
    | Decide
    | RevealCode
    | SealChange
    | SignOrder
    | SignRedemption
    | Status
)
"""What the signer answers on the api's socket."""

CourierVerb = VenueRead | CleanUp | Status
"""What the signer answers on the courier's socket."""

DispatcherVerb = SignStatement | Status
"""What the signer answers on the dispatcher's socket."""

CourierInboxVerb = Send
"""What the courier answers to the signer."""
