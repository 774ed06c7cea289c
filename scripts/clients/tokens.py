"""The public form of Tripcord's bearer strings, as far as a phone needs it.

`tc_<kind>_` + trader id (22 base62 characters) + token id (22) + secret (43, of a card 22) +
CRC-32 of everything before it (6). The checksum finds typing errors; it proves nothing.
"""

import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from scripts.clients.encoding import BadFormat, Json, Secret, b64url, base62, base62_decode, sha256

_ID_CHARS = 22
_CHECKSUM_CHARS = 6
_CARD_SECRET_BYTES = 16
"""128 bits: enough for a secret that can only revoke, short enough to type from paper."""


@dataclass(frozen=True, slots=True)
class RevocationCard:
    """Made on the phone; the service only ever learns the hash of its secret."""

    card_id: UUID
    secret_sha256: str
    """Base64url SHA-256 of the 16 secret bytes: the only part that is registered."""

    text: Secret
    """The whole `tc_card_…` string, for paper."""

    def url(self, origin: str) -> Secret:
        """What the printed QR carries. A fragment never travels to a server or into its log."""
        return Secret(f"{origin}/card#{self.text.reveal()}")


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A grant is dead until the trader approves it; its token is shown to us once."""

    token_id: UUID
    token: Secret
    approval_id: UUID


def grant_from(body: Json) -> GrantRequest:
    return GrantRequest(UUID(body["token_id"]), Secret(body["token"]), UUID(body["approval_id"]))


def make_card(trader_id: UUID) -> RevocationCard:
    """Draw a new revocation card of this trader from the system's random source."""
    return card_from(trader_id, uuid7(), secrets.token_bytes(_CARD_SECRET_BYTES))


def card_from(trader_id: UUID, card_id: UUID, secret: bytes) -> RevocationCard:
    head = (
        "tc_card_"
        + base62(trader_id.bytes, _ID_CHARS)
        + base62(card_id.bytes, _ID_CHARS)
        + base62(secret, _ID_CHARS)
    )
    return RevocationCard(card_id, b64url(sha256(secret)), Secret(head + _checksum(head)))


def recovery_text(trader_id: UUID, code_id: UUID, secret: bytes) -> str:
    """A recovery code of 16 secret bytes as it stands on paper: a card's form, another kind."""
    ids = base62(trader_id.bytes, _ID_CHARS) + base62(code_id.bytes, _ID_CHARS)
    head = "tc_recovery_" + ids + base62(secret, _ID_CHARS)
    return head + _checksum(head)


def recovery_parts(text: str) -> tuple[UUID, UUID, bytes]:
    """(trader id, code id, secret) of a recovery code.

    Raises
    ------
    BadFormat
        Another kind of string, or a typing error.
    """
    trader_id, start = trader_of(text, expected_kind="recovery"), len("tc_recovery_") + _ID_CHARS
    if len(text) != start + 2 * _ID_CHARS + _CHECKSUM_CHARS:
        raise BadFormat("not a recovery code, or mistyped")
    code_id = UUID(bytes=base62_decode(text[start : start + _ID_CHARS], 16))
    secret = base62_decode(text[start + _ID_CHARS : start + 2 * _ID_CHARS], 16)
    return trader_id, code_id, secret


def trader_of(token: str, *, expected_kind: str) -> UUID:
    """The trader id that a token string names, after its checksum.

    Raises
    ------
    BadFormat
        Another kind of token, a typing error, or not a token at all.
    """
    head, checksum = token[:-_CHECKSUM_CHARS], token[-_CHECKSUM_CHARS:]
    prefix = f"tc_{expected_kind}_"
    if not token.isascii() or not token.startswith(prefix) or _checksum(head) != checksum:
        raise BadFormat(f"not a {expected_kind} code, or mistyped")
    start = len(prefix)
    return UUID(bytes=base62_decode(token[start : start + _ID_CHARS], 16))


def _checksum(head: str) -> str:
    return base62(zlib.crc32(head.encode("utf-8", "replace")).to_bytes(4, "big"), _CHECKSUM_CHARS)
