"""A passkey authenticator in software (ES256): what a phone's or browser's API would answer.

It makes the bytes of WebAuthn Level 3 sections 6.1 and 6.5 and the JSON of `toJSON()`. An app does
not write this: its system does. Here it stands so that the whole ceremony runs without one, and to
show which bytes an approval by passkey is made of.
"""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.clients.encoding import Json, b64url, b64url_decode, sha256

_UP, _UV, _BE, _BS, _AT = 0x01, 0x04, 0x08, 0x10, 0x40
_COORDINATE_BYTES = 32


class NoPasskey(Exception):
    """Nothing here is registered for that RP ID."""


@dataclass(slots=True)
class Passkey:
    """One credential, as an authenticator keeps it."""

    rp_id: str
    user_handle: bytes
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )
    sign_count: int = 0


class Authenticator:
    """`origin` is what the app's system or browser would say. A synced one never counts."""

    def __init__(self, *, origin: str, synced: bool = True) -> None:
        self.origin, self.synced = origin, synced
        self.passkeys: list[Passkey] = []

    def create(self, options: Json) -> Json:
        """Answer PublicKeyCredentialCreationOptionsJSON with a RegistrationResponseJSON."""
        passkey = Passkey(options["rp"]["id"], b64url_decode(options["user"]["id"]))
        self.passkeys.append(passkey)
        client_data = self.client_data("webauthn.create", b64url_decode(options["challenge"]))
        attestation = cbor2.dumps(
            {"fmt": "none", "attStmt": {}, "authData": self.authenticator_data(passkey, new=True)}
        )
        response = {
            "clientDataJSON": b64url(client_data),
            "attestationObject": b64url(attestation),
            "transports": ["hybrid", "internal"] if self.synced else ["internal"],
        }
        return _credential(passkey, response)

    def get(self, *, rp_id: str, challenge: bytes) -> Json:
        """Verify the user, and answer with an AuthenticationResponseJSON over `challenge`."""
        passkey = self.passkey_for(rp_id)
        if not self.synced:
            passkey.sign_count += 1
        client_data = self.client_data("webauthn.get", challenge)
        data = self.authenticator_data(passkey)
        return _credential(
            passkey,
            {
                "clientDataJSON": b64url(client_data),
                "authenticatorData": b64url(data),
                "signature": b64url(sign(passkey, data, client_data)),
                "userHandle": b64url(passkey.user_handle),
            },
        )

    def passkey_for(self, rp_id: str) -> Passkey:
        found = [passkey for passkey in self.passkeys if passkey.rp_id == rp_id]
        if not found:
            raise NoPasskey
        return found[-1]

    def client_data(self, kind: str, challenge: bytes, **more: Any) -> bytes:
        """What the browser says it did (section 5.8.1)."""
        said = {
            "type": kind,
            "challenge": b64url(challenge),
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(said | more, separators=(",", ":")).encode()

    def authenticator_data(
        self, passkey: Passkey, *, new: bool = False, flags: int | None = None
    ) -> bytes:
        """RP ID hash, flags, counter, and for a new one the credential (section 6.1)."""
        if flags is None:
            flags = _UP | _UV | (_BE | _BS if self.synced else 0) | (_AT if new else 0)
        head = sha256(passkey.rp_id.encode()) + bytes([flags])
        head += passkey.sign_count.to_bytes(4, "big")
        if not new:
            return head
        length = len(passkey.credential_id).to_bytes(2, "big")
        return head + bytes(16) + length + passkey.credential_id + cose_key(passkey)


def sign(passkey: Passkey, authenticator_data: bytes, client_data: bytes) -> bytes:
    """The assertion's signature, DER (section 6.3.3)."""
    message = authenticator_data + sha256(client_data)
    return passkey.private.sign(message, ec.ECDSA(hashes.SHA256()))


def cose_key(passkey: Passkey) -> bytes:
    """The public key in COSE (RFC 9052): EC2, ES256, P-256, x, y."""
    numbers = passkey.private.public_key().public_numbers()
    x, y = (n.to_bytes(_COORDINATE_BYTES, "big") for n in (numbers.x, numbers.y))
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})


def _credential(passkey: Passkey, response: Json) -> Json:
    name = b64url(passkey.credential_id)
    return {
        "id": name,
        "rawId": name,
        "type": "public-key",
        "clientExtensionResults": {},
        "response": response,
    }
