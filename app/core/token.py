"""Bearer strings: `tc_<kind>_<trader id><token id><secret><checksum>`, fixed-width base62.

The trader id inside makes every look-up single-shard. Only a SHA-256 of the secret is ever
stored; 256 random bits need no slow hash. The checksum lets scanners and forms refuse a typing
error without a look-up; it proves nothing.
"""

import hashlib
import re
import secrets
import zlib
from enum import StrEnum
from uuid import UUID

import msgspec

from app.core.encoding import base62, base62_decode
from app.core.errors import DomainError, Malformed
from app.core.secret import Secret

ID_CHARS = 22
"""16 bytes in base62."""

CHECKSUM_CHARS = 6
"""CRC-32 in base62, as in GitHub's tokens."""

SCANNER_PATTERN = (
    r"tc_(device|session|grant|platform|client|enrol|card|receipt|request)_[0-9A-Za-z]{72,93}"
)
"""What secret scanners look for."""

_SHAPE = re.compile(r"tc_([a-z]+)_([0-9A-Za-z]+)\Z")


class TokenKind(StrEnum):
    DEVICE = "device"
    SESSION = "session"
    GRANT = "grant"
    PLATFORM = "platform"
    CLIENT = "client"
    ENROL = "enrol"
    CARD = "card"
    RECEIPT = "receipt"
    REQUEST = "request"


_KINDS = {kind.value: kind for kind in TokenKind}


def secret_bytes(kind: TokenKind) -> int:
    """Random bytes in the secret: 32, or 16 for the card that a person may have to type."""
    return 16 if kind is TokenKind.CARD else 32


def _secret_chars(kind: TokenKind) -> int:
    return 22 if kind is TokenKind.CARD else 43


class TokenMalformed(DomainError):
    """Not one of our token strings."""

    code = "token_rejected"
    sentence = "The token is not valid."


class Token(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A parsed token. Its repr and `public` show the public half only."""

    kind: TokenKind
    trader_id: UUID
    token_id: UUID
    secret: Secret

    @property
    def public(self) -> str:
        return f"tc_{self.kind.value}_{self.token_id}"

    def __repr__(self) -> str:
        return f"Token({self.public})"

    def secret_hash(self) -> bytes:
        return hashlib.sha256(self.secret.reveal()).digest()

    def reveal(self) -> str:
        """The whole string, to be shown once."""
        body = (
            base62(self.trader_id.bytes, ID_CHARS)
            + base62(self.token_id.bytes, ID_CHARS)
            + base62(self.secret.reveal(), _secret_chars(self.kind))
        )
        head = f"tc_{self.kind.value}_{body}"
        return head + _checksum(head)


def mint(kind: TokenKind, trader_id: UUID, token_id: UUID, secret: bytes | None = None) -> Token:
    """Make a token with a fresh random secret, or with one derived elsewhere."""
    value = secrets.token_bytes(secret_bytes(kind)) if secret is None else secret
    return Token(kind, trader_id, token_id, Secret(value))


def parse(text: str, *expected_kinds: TokenKind) -> Token:
    """Take a token string apart.

    Raises
    ------
    TokenMalformed
        Any deviation: kind, width, alphabet, checksum, or a kind not in `expected_kinds`.
    """
    match = _SHAPE.match(text) if len(text) <= 128 else None  # noqa: PLR2004 - longest is 108
    kind = None if match is None else _KINDS.get(match[1])
    if match is None or kind is None:
        raise TokenMalformed
    body = match[2]
    width = 2 * ID_CHARS + _secret_chars(kind)
    if (expected_kinds and kind not in expected_kinds) or len(body) != width + CHECKSUM_CHARS:
        raise TokenMalformed
    try:
        claimed = base62_decode(text[-CHECKSUM_CHARS:], 4)
        if zlib.crc32(text[:-CHECKSUM_CHARS].encode()) != int.from_bytes(claimed, "big"):
            raise TokenMalformed
        return Token(
            kind,
            UUID(bytes=base62_decode(body[:ID_CHARS], 16)),
            UUID(bytes=base62_decode(body[ID_CHARS : 2 * ID_CHARS], 16)),
            Secret(base62_decode(body[2 * ID_CHARS : width], secret_bytes(kind))),
        )
    except Malformed:
        raise TokenMalformed from None  # more bits than the field has


def _checksum(head: str) -> str:
    return base62(zlib.crc32(head.encode()).to_bytes(4, "big"), CHECKSUM_CHARS)
