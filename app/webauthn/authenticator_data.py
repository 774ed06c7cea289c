"""The steps about what the authenticator says: (14) to (17) of section 7.1, (15) to (18) of 7.2."""

import hashlib
import hmac
from typing import Any

from webauthn.helpers import parse_authenticator_data
from webauthn.helpers.structs import AuthenticatorData

from app.webauthn.errors import PasskeyRejected
from app.webauthn.models import RelyingParty


def read_authenticator_data(raw: Any) -> AuthenticatorData:
    """Parse, to the last byte. The library raises whatever its parsers do: all of it is a no."""
    try:
        return parse_authenticator_data(raw)
    except Exception:  # noqa: BLE001 - bytes of a stranger; nothing was done yet
        raise PasskeyRejected(rule="authenticator_data") from None


def check_flags(data: AuthenticatorData, relying_party: RelyingParty) -> None:
    """Raise PasskeyRejected unless it is for us, with its user there and verified.

    Numbers are those of section 7.1; in section 7.2 each is one more.
    """
    # (14) Made for our RP ID.
    expected = hashlib.sha256(relying_party.rp_id.encode()).digest()
    if not hmac.compare_digest(data.rp_id_hash, expected):
        raise PasskeyRejected(rule="rp_id")
    # (15) Somebody touched it.
    if not data.flags.up:
        raise PasskeyRejected(rule="user_present")
    # (16) And it knows who. The library leaves this out unless it is told.
    check_user_verified(verified=data.flags.uv)
    # (17) What cannot be backed up is not backed up.
    if data.flags.bs and not data.flags.be:
        raise PasskeyRejected(rule="backup_flags")


def check_user_verified(*, verified: bool) -> None:
    if not verified:
        raise PasskeyRejected(rule="user_verified")
