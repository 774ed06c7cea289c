"""A scripted service that answers as the API is specified and remembers what it was sent."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx

from scripts.clients import tokens
from scripts.clients.encoding import b64url, canonical_json
from scripts.clients.keys import SEALING_KEY_TYP, KeyPair

ORIGIN = "https://api.example"
TRADER = UUID("0198c0de-0000-7000-8000-00000000000a")
ACTION = {
    "type": "session.sign_in",
    "trader_id": str(TRADER),
    "session_id": str(UUID(int=6)),
    "address": "203.0.113.7",
    "user_agent": "x",
    "jkt": "j" * 43,
    "at": "2026-11-21T01:02:03Z",
}
ORDER_ACTION = {
    "type": "trade.order",
    "trader_id": str(TRADER),
    "grant_id": str(UUID(int=1)),
    "order_id": str(UUID(int=2)),
    "credential_id": str(UUID(int=5)),
    "venue": "sandbox",
    "model": "Trend 1",
    "order": {
        "market": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "quantity": "0.02",
        "price": "50000.00",
        "time_in_force": "GTC",
    },
    "notional": {"amount": "1000.00", "quote": "USDT"},
    "client_order_id": "tc-1",
    "signed_order_sha256": "s" * 43,
}
TEMPLATES = {"session.sign_in": "sign_in/1", "trade.order": "order/1"}


def payload_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return decoded


def enrolment_code() -> str:
    # A card string has the code's shape up to its kind; only its checksum differs.
    card = tokens.card_from(TRADER, uuid4(), b"s" * 16).text.reveal()
    head = "tc_enrol_" + card.removeprefix("tc_card_")[:-6]
    return head + tokens._checksum(head)


class FakeService:
    """Answers as the API is specified; remembers every request; says yes to everything."""

    def __init__(self) -> None:
        self.identity = KeyPair.p256()
        self.requests: list[httpx.Request] = []
        self.answers: dict[tuple[str, str], list[httpx.Response]] = {}
        self.expires_at = 2**33

    def uri(self, **changes: str) -> str:
        fields = {"o": ORIGIN, "c": enrolment_code(), "i": self.identity.jkt, **changes}
        return "tripcord://enrol?" + "&".join(f"{k}={quote(v)}" for k, v in fields.items())

    def will(self, method: str, path: str, *bodies: Any, status: int = 200) -> None:
        self.answers[method, path] = [httpx.Response(status, json=body) for body in bodies]

    def sent(self, path: str) -> dict[str, Any]:
        request = next(r for r in reversed(self.requests) if r.url.path == path)
        decoded: dict[str, Any] = json.loads(request.content)
        return decoded

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        scripted = self.answers.get((request.method, request.url.path))
        if scripted:
            return scripted.pop(0) if len(scripted) > 1 else scripted[0]
        match request.method, request.url.path:
            case "POST", "/v1/devices":
                return httpx.Response(201, json=self._device())
            case "POST", "/v1/sealing-keys":
                return httpx.Response(201, json=self._sealing_key(json.loads(request.content)))
            case "POST", "/v1/factors/totp":
                return httpx.Response(201, json={"factor_id": str(uuid4())})
            case "POST", "/v1/exchange-credentials":
                return httpx.Response(202, json={"credential_id": str(UUID(int=5))})
            case _:
                return httpx.Response(404, json={"type": "urn:tripcord:problem:not_found"})

    def _device(self) -> dict[str, Any]:
        return {
            "device_id": str(uuid4()),
            "trader_id": str(TRADER),
            "root_token_id": str(uuid4()),
            "device_token": "tc_device_x",
            "identity_jkt": self.identity.jkt,
            "identity_jwk": self.identity.public_jwk,
            "checkpoint_jkt": "c" * 43,
        }

    def _sealing_key(self, body: dict[str, Any]) -> dict[str, Any]:
        point = (
            base64.urlsafe_b64decode(self.identity.public_jwk["x"] + "="),
            base64.urlsafe_b64decode(self.identity.public_jwk["y"] + "="),
        )
        claims = {
            "domain": "tripcord/sealing-key/v1",
            "trader_id": str(TRADER),
            "sealing_key_id": str(uuid4()),
            "public_point": b64url(b"\4" + b"".join(point)),
            "purpose": body["purpose"],
            "expires_at": self.expires_at,
            "iat": 1,
        }
        statement = self.identity.statement(claims, typ=SEALING_KEY_TYP)
        named = {k: claims[k] for k in ("sealing_key_id", "public_point")}
        return {**named, "expires_at": "2026-11-21T01:12:03Z", "statement": statement}


def approval(action: dict[str, Any], **changes: Any) -> dict[str, Any]:
    raw = canonical_json(action)
    return {
        "approval_id": str(UUID(int=9)),
        "template": TEMPLATES[action["type"]],
        "nonce": b64url(b"n" * 32),
        "action": b64url(raw),
        "digest": b64url(hashlib.sha256(raw).digest()),
        "required_strength": "medium",
        "methods": ["totp"],
        "requester": {"client": "Shop\u202e"},
        "created_at": "2026-11-21T01:02:03Z",
        "expires_at": "2026-11-21T01:04:03Z",
        "state": "pending",
        **changes,
    }
