"""What goes through the doors of the vault. Nothing here is a secret in clear, except `Pin`."""

from pathlib import Path
from typing import Final, Literal
from uuid import UUID

import msgspec

from app.core.encoding import lp
from app.core.secret import Secret

LOCKED_DEADLINE_SECONDS: Final = 0.150
"""Longest wait for the HSM while a trader lock is held (DESIGN section 3)."""
DEADLINE_SECONDS: Final = 1.5
"""Longest wait for the HSM outside a lock."""
KEY_GENERATION_DEADLINE_SECONDS: Final = 30.0
"""Longest wait for a key pair; RSA-4096 on a small HSM takes seconds."""
SEALING_KEY_SECONDS: Final = 600
"""Life of a one-time sealing key: one link session (DESIGN section 10)."""

SecretAlgorithm = Literal[
    "hmac-sha256", "hmac-sha384", "hmac-sha512", "SHA1", "SHA256", "SHA512", "rsa-sha256", "es256"
]
"""What one wrapped key may do. "hmac-*", "rsa-sha256" and "es256" sign for a venue; "SHA*" are TOTP
seeds (RFC 6238), which never sign."""

Check = tuple[bytes, bytes]
"""(evidence message, tag): a row and the MAC stored with it."""


class SealContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the client bound into its envelope; another value does not open it.

    `subject`: the device id for a TOTP seed, venue + "/" + api key id for an exchange secret.
    """

    trader_id: UUID
    purpose: Literal["totp", "exchange"]
    subject: str
    algorithm: SecretAlgorithm


class StorageContext(msgspec.Struct, frozen=True, kw_only=True):
    """Whose and what for a wrapped key is; part of its MAC, so rows cannot swap blobs.

    `subject_id` is the credential's or the factor's id, `purpose` "totp" or the venue's name,
    `key_version` starts at 1 and grows with every rotation of the secret.
    """

    trader_id: UUID
    subject_id: UUID
    purpose: str
    algorithm: SecretAlgorithm
    key_version: int

    def encode(self) -> bytes:
        """Bytes for `WrappedKey.context`; rebuild them from the row's columns when loading."""
        return lp(
            b"tripcord/storage/v1",
            self.trader_id.bytes,
            self.subject_id.bytes,
            self.purpose.encode(),
            self.algorithm.encode(),
            self.key_version.to_bytes(4, "big"),
        )


class WrappedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A secret under a shard's wrapping key (RFC 3394) with the MAC that ties it to its context.

    `shard` is the label of the wrapping key, `mac` 32 bytes. `context` is `StorageContext.encode()`
    of the row it was read from, never a stored copy.
    """

    shard: str
    algorithm: SecretAlgorithm
    blob: bytes
    context: bytes
    mac: bytes


class Envelope(msgspec.Struct, frozen=True):
    """`ephemeral`: the client's P-256 point, 65 bytes uncompressed; `ciphertext`: RFC 3394."""

    ephemeral: bytes
    ciphertext: bytes


class SealingKey(msgspec.Struct, frozen=True):
    """Public half of a one-time sealing key. `public_point` is 65 bytes, uncompressed."""

    sealing_key_id: UUID
    public_point: bytes
    lifetime_seconds: int


class Proof(msgspec.Struct, frozen=True):
    """`tag` = HMAC of `message` with the sealed secret, under the envelope's algorithm."""

    message: bytes
    tag: bytes


class ImportedKey(msgspec.Struct, frozen=True):
    """`hmacs`: one per TOTP counter that was asked for, in order; empty for exchange secrets."""

    key: WrappedKey
    hmacs: tuple[bytes, ...]


class Signed(msgspec.Struct, frozen=True):
    """`signature` by the trader's secret, `tags` for the rows that were to be sealed, in order."""

    signature: bytes
    tags: tuple[bytes, ...]


class HsmStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker found at its start. All of it is public.

    `check_values`: label -> 64 hex digits that only this very key produces; pin them and pass them
    as `VaultConfig.expected_check_values`. `not_enforced`: protections the module lacks, empty
    outside the development profile. Points are 65 bytes, uncompressed P-256; the
    issuer's RSA modulus is big-endian, its exponent 65537.
    """

    module: str
    token_label: str
    check_values: dict[str, str]
    not_enforced: tuple[str, ...]
    identity_point: bytes
    checkpoint_point: bytes
    issuer_modulus: bytes
    loaded_keys: int
    unwraps: int


class VaultConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the HSM. `directory` holds the token (SoftHSM, NSS); mode 700.

    `development` accepts a module that does not enforce unwrap templates (NSS softokn). With
    `expected_check_values` a key whose value differs, or is missing, refuses the start.
    """

    module: Path
    directory: Path
    pin: Secret
    token_label: str = "tripcord"  # noqa: S105 - a label
    profile: Literal["softhsm", "nss"] = "softhsm"
    development: bool = False
    expected_check_values: dict[str, str] | None = None
    recycle_after_unwraps: int = 200_000
    """SoftHSM 2.6.1 keeps about 0.24 kB of every unwrap: a new worker takes over after these."""
