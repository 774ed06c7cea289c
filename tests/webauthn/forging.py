"""One honest ceremony, and the same with one thing wrong that an attacker would have wrong.

Every forgery is signed well: its author holds the key and is stopped by one step alone.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import cbor2
import msgspec

from app.core.ids import new_id
from app.webauthn.models import Passkey, Registered, RelyingParty, user_handle
from scripts.clients.authenticator import Authenticator, cose_key, sign
from scripts.clients.authenticator import Passkey as Held
from scripts.clients.encoding import Json, b64url

ORIGIN = "https://cord.example"
ANDROID = "android:apk-key-hash:" + "A" * 43
OURS = RelyingParty(rp_id="cord.example", origins=frozenset({ORIGIN, ANDROID}))
TRADER = UUID("0198c0de-0000-7000-8000-000000000001")
CHALLENGE = bytes(range(32))

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


class Attempt:
    """The parts of a response, each to be changed before it is signed."""

    def __init__(self, kind: str, *, synced: bool = True) -> None:
        self.is_new = kind == "webauthn.create"
        self.held = Held(OURS.rp_id, user_handle(TRADER))
        self.client: Json = {
            "type": kind, "challenge": b64url(CHALLENGE), "origin": ORIGIN, "crossOrigin": False,
        }  # fmt: skip
        self.flags = UP | UV | (BE | BS if synced else 0) | (AT if self.is_new else 0)
        self.rp_id = OURS.rp_id
        self.tail, self.after = b"", b""
        self.cose: bytes | None = None
        self.told_id: bytes | None = None
        self.user: bytes | None = self.held.user_handle
        self.attestation: Callable[[bytes, bytes], tuple[str, Json]] = lambda *_: ("none", {})
        self.signer = self.held

    def client_data(self) -> bytes:
        text = json.dumps(self.client, ensure_ascii=False)
        return text.encode(errors="surrogateescape")

    def data(self) -> bytes:
        made = Authenticator(origin=ORIGIN)
        shown = Held(self.rp_id, b"", self.held.credential_id, self.held.private)
        shown.sign_count = self.held.sign_count
        flags = self.flags if self.is_new else self.flags & ~AT
        raw = made.authenticator_data(shown, new=self.is_new, flags=flags)
        if self.cose is not None:
            raw = raw[: -len(cose_key(self.held))] + self.cose
        return raw + self.tail

    def registration(self) -> bytes:
        client_data, data = self.client_data(), self.data()
        form, statement = self.attestation(data, client_data)
        attestation = cbor2.dumps({"fmt": form, "attStmt": statement, "authData": data})
        return self._json(
            {
                "clientDataJSON": b64url(client_data),
                "attestationObject": b64url(attestation + self.after),
                "transports": ["internal"],
            }
        )

    def assertion(self) -> bytes:
        client_data, data = self.client_data(), self.data()
        response: Json = {
            "clientDataJSON": b64url(client_data),
            "authenticatorData": b64url(data),
            "signature": b64url(sign(self.signer, data, client_data)),
        }
        if self.user is not None:
            response["userHandle"] = b64url(self.user)
        return self._json(response)

    def _json(self, response: Json) -> bytes:
        told = b64url(self.told_id or self.held.credential_id)
        credential: dict[str, Any] = {
            "id": told, "rawId": told, "type": "public-key", "clientExtensionResults": {},
            "response": response,
        }  # fmt: skip
        return msgspec.json.encode(credential)


def row(held: Held, registered: Registered | None = None, **changes: Any) -> Passkey:
    """The stored passkey of a held one."""
    passkey = Passkey(
        trader_id=TRADER, factor_id=new_id(), root_id=new_id(), device_id=new_id(),
        credential_id=held.credential_id, public_key=cose_key(held), sign_count=0,
        backup_eligible=True, backed_up=True, transports=[], aaguid=UUID(int=0),
        attestation="none", rp_id=OURS.rp_id, label="phone", state="active",
        bound_at=datetime.now(UTC), version=1, mac=b"",
    )  # fmt: skip
    if registered is not None:
        changes = {"public_key": registered.public_key} | changes
    return msgspec.structs.replace(passkey, **changes)
