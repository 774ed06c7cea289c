"""What the signer and its HSM worker say to each other: a closed list of requests.

Frames are a 4-byte big-endian length and one msgpack value, at most 1 MiB. Requests are answered in
order. The first frame is `Hello`, the only one with the PIN; its answer is an `HsmStatus`.
"""

from typing import Any, Final, Literal

import msgspec

from app.core.errors import Malformed
from app.vault.models import Check, Envelope, Proof, SealContext, StorageContext, WrappedKey

MAX_FRAME_BYTES: Final = 1 << 20
HEADER_BYTES: Final = 4

Role = Literal["hot", "keys"]


class Hello(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to open the module. The PIN comes this way and never by argv or environment."""

    role: Role
    module: str
    profile: Literal["softhsm", "nss"]
    directory: str
    token_label: str
    pin: bytes
    development: bool
    expected_check_values: dict[str, str] | None
    recycle_after_unwraps: int

    def __repr__(self) -> str:
        return f"Hello(role={self.role!r})"


class _Request(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    array_like=True,
    forbid_unknown_fields=True,
    tag_field="op",
):
    """Arrays on the wire: field order is part of the protocol, both ends are one release."""


class Status(_Request, frozen=True, tag="status"):
    """-> HsmStatus."""


class Mac(_Request, frozen=True, tag="mac"):
    """-> tags. Evidence messages only."""

    messages: tuple[bytes, ...]


class Verify(_Request, frozen=True, tag="verify"):
    """-> nothing, or `evidence_forged`."""

    checks: tuple[Check, ...]


class Sign(_Request, frozen=True, tag="sign"):
    """-> Signed."""

    checks: tuple[Check, ...]
    key: WrappedKey
    message: bytes
    seal: tuple[bytes, ...]


class HmacSteps(_Request, frozen=True, tag="hmac_steps"):
    """-> HMACs."""

    checks: tuple[Check, ...]
    key: WrappedKey
    counters: tuple[int, ...]


class Forget(_Request, frozen=True, tag="forget"):
    """-> nothing."""

    context: bytes


class Es256(_Request, frozen=True, tag="es256"):
    """-> Signed."""

    label: Literal["identity-v1", "checkpoint-v1"]
    digest: bytes
    seal: tuple[bytes, ...]


class Rs256(_Request, frozen=True, tag="rs256"):
    """-> signature over a JWS signing input whose header says what the issuer key is for."""

    signing_input: bytes


class Bootstrap(_Request, frozen=True, tag="bootstrap"):
    """-> 32 bytes."""

    message: bytes


class OpenSealingKey(_Request, frozen=True, tag="open_sealing_key"):
    """-> public point, 65 bytes."""

    sealing_key_id: bytes


class ImportSecret(_Request, frozen=True, tag="import_secret"):
    """-> ImportedKey."""

    sealing_key_id: bytes
    envelope: Envelope
    seal_context: SealContext
    storage_context: StorageContext
    proof: Proof | None
    totp_counters: tuple[int, ...]


HotRequest = Status | Mac | Verify | Sign | HmacSteps | Forget | Es256 | Rs256 | Bootstrap
KeysRequest = Status | OpenSealingKey | ImportSecret
Request = HotRequest | KeysRequest
HOT_DECODER: Final = msgspec.msgpack.Decoder(HotRequest)
KEYS_DECODER: Final = msgspec.msgpack.Decoder(KeysRequest)


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """`error` is the code of a refusal. `retiring`: start a successor, this worker is worn."""

    error: str | None
    result: Any
    retiring: bool = False


class RawReply(msgspec.Struct, frozen=True, array_like=True):
    """The same, with the result still encoded: its type depends on the request."""

    error: str | None
    result: msgspec.Raw
    retiring: bool = False


def frame(payload: bytes) -> bytes:
    """One message with its length before it, or Malformed when it is over the limit."""
    if len(payload) > MAX_FRAME_BYTES:
        raise Malformed
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


_EXIT_CODES: Final = {"hsm_module_refused": 3, "hsm_pin_refused": 4, "hsm_unavailable": 5}


def exit_code(code: str) -> int:
    """Exit status of a worker that refused to start: 3 self-test or keys, 4 PIN, 5 no HSM."""
    return _EXIT_CODES.get(code, 1)
