"""Receive Tripcord's webhooks: verify the delivery, then the token inside it.

A delivery is a POST with `Content-Type: application/secevent+jwt`. Its body is one security event
token (RFC 8417), and three headers of Standard Webhooks stand over that body. Check in this order,
and answer 2xx only after what you learnt is stored, because a 2xx is never sent again:

(1) the time, so that an old delivery cannot be played again for ever;
(2) the Ed25519 signature, with the `whpk_…` keys that /v1/webhooks showed you: two while a rotation
    overlaps, and only `v1a`, whatever else the header offers;
(3) the id, once: the same event may come again, a second time it means nothing new;
(4) the token: type, issuer, audience, signature by the key of /.well-known/jwks.json.

The first signature says that the request is from Tripcord's dispatcher, the second that Tripcord's
HSM vouches for the event. What you should do: `session-revoked` ends what you keep for `sub_id`
(`iss_sub`: the trader, everything; `opaque`: that one token and what hangs under it).
"""

import base64
import binascii
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from scripts.clients.encoding import Json

TOLERANCE_SECONDS = 300
"""How old a delivery may be, clocks apart included; the five minutes of Standard Webhooks."""

_KEY_PREFIX = "whpk_"
_SCHEME = "v1a"
_SET_TYP = "secevent+jwt"


class DeliveryRefused(Exception):
    """Answer 400: this is not from Tripcord, not for you, or not of now."""


class AlreadySeen(Exception):
    """Answer 2xx and do nothing: it came before."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One verified event. `kind` is the last word of its type, as in "session-revoked"."""

    event_id: str
    kind: str
    subject: Json
    details: Json
    issued_at: int


@dataclass(slots=True)
class Receiver:
    """Verifies deliveries for one webhook. In an app `seen` is a table with a unique id."""

    public_keys: Collection[str]
    jwks: Json
    issuer: str
    client_id: str
    now: Callable[[], float] = time.time
    seen: set[str] = field(default_factory=set)

    def receive(self, headers: Mapping[str, str], body: bytes) -> SecurityEvent:
        """The event of one delivery; `headers` with lower-case names.

        Raises
        ------
        DeliveryRefused
            Any of the checks failed; nothing of the body may be used.
        AlreadySeen
            A repeat of one that was taken.
        """
        event_id = headers.get("webhook-id", "")
        timestamp = headers.get("webhook-timestamp", "")
        if not event_id or not (timestamp.isascii() and timestamp.isdecimal()):
            raise DeliveryRefused("a header is missing")
        if abs(self.now() - int(timestamp)) > TOLERANCE_SECONDS:
            raise DeliveryRefused("too old, or from the future")
        signed = f"{event_id}.{timestamp}.".encode() + body
        self._check_signature(headers.get("webhook-signature", ""), signed)
        event = self._event(body)
        if event.event_id != event_id:
            raise DeliveryRefused("the token is another delivery's")
        if event_id in self.seen:
            raise AlreadySeen(event_id)
        self.seen.add(event_id)
        return event

    def _check_signature(self, header: str, signed: bytes) -> None:
        for part in header.split(" "):
            scheme, _, text = part.partition(",")
            if scheme != _SCHEME:  # `v1` would be a shared secret's; there is none
                continue
            try:
                signature = base64.b64decode(text, validate=True)
            except binascii.Error:
                continue
            for key in self.public_keys:
                try:
                    _ed25519(key).verify(signature, signed)
                except InvalidSignature:
                    continue
                return
        raise DeliveryRefused("no signature of a key that we know")

    def _event(self, body: bytes) -> SecurityEvent:
        try:
            text = body.decode("ascii")
            header = jwt.get_unverified_header(text)
            if header.get("typ") != _SET_TYP:
                raise DeliveryRefused("not a security event token")
            key = next(k for k in self.jwks["keys"] if k["kid"] == header.get("kid"))
            claims = jwt.decode(
                text,
                jwt.PyJWK(key),
                algorithms=["RS256"],
                audience=self.client_id,
                issuer=self.issuer,
                options={"require": ["iss", "aud", "iat", "jti"], "verify_iat": False},
            )
            # RFC 8417 section 4: a token with these could pass as an ID token or access token.
            if {"sub", "exp", "nonce"} & claims.keys():
                raise DeliveryRefused("not a security event token")
            ((uri, details),) = claims["events"].items()
            return SecurityEvent(
                claims["jti"], uri.rsplit("/", 1)[-1], claims["sub_id"], details, claims["iat"]
            )
        except (jwt.InvalidTokenError, KeyError, ValueError, StopIteration) as wrong:
            raise DeliveryRefused("the token does not hold") from wrong


def _ed25519(key: str) -> Ed25519PublicKey:
    if not key.startswith(_KEY_PREFIX):
        raise ValueError("a webhook's public key begins with whpk_")
    return Ed25519PublicKey.from_public_bytes(
        base64.b64decode(key.removeprefix(_KEY_PREFIX), validate=True)
    )
