"""The steps about what the client says it did: (5) to (11) of section 7.1, (7) to (14) of 7.2.

The library compares type, challenge and origin too; whether a page was framed by a stranger's it
does not, so all of it is judged here, from one reading of the bytes.
"""

import hmac
from typing import Literal

import msgspec

from app.core.encoding import b64url
from app.webauthn.errors import PasskeyRejected
from app.webauthn.models import RelyingParty


class _ClientData(msgspec.Struct, rename="camel"):
    type: str
    challenge: str
    origin: str
    cross_origin: bool = False
    top_origin: str | None = None


def check_client_data(
    raw: bytes,
    *,
    expected_type: Literal["webauthn.create", "webauthn.get"],
    expected_challenge: bytes,
    relying_party: RelyingParty,
) -> None:
    """Raise PasskeyRejected unless the client did what we asked, on a page of ours.

    Numbers are those of section 7.1; in section 7.2 each is one to three more.
    """
    # (5) (6) Bytes are UTF-8, and JSON of this form.
    try:
        said = msgspec.json.decode(raw, type=_ClientData)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PasskeyRejected(rule="client_data") from None
    # (7) An assertion is not a registration, nor the other way round.
    if said.type != expected_type:
        raise PasskeyRejected(rule="type")
    # (8) Ours. That it is used once is the caller's: it deleted the row, or decides the approval.
    if not hmac.compare_digest(said.challenge.encode(), b64url(expected_challenge).encode()):
        raise PasskeyRejected(rule="challenge")
    # (9) The whole origin, compared as text: no suffixes, no ports let off.
    if said.origin not in relying_party.origins:
        raise PasskeyRejected(rule="origin")
    # (10) No page of ours asks inside a frame of somebody else's.
    if said.cross_origin:
        raise PasskeyRejected(rule="cross_origin")
    # (11) So there is no origin above ours either.
    if said.top_origin is not None:
        raise PasskeyRejected(rule="top_origin")
