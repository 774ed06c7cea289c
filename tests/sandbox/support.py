"""Clients of the sandbox venue: a raw signing one that can also sign wrongly, and ccxt's options.

The raw client shares nothing with the venue's code, so both can not be wrong in the same way.
"""

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

RICH = {"USDT": "1000000", "BTC": "100", "ETH": "1000", "DMG": "1000000"}

Sign = Callable[[bytes], str]


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> int:
        return int(self.body["code"])

    @property
    def message(self) -> str:
        return str(self.body["msg"])


class Connection:
    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc

    def send(
        self, method: str, target: str, *, body: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request(method, target, body=body or None, headers=dict(headers or {}))
            response = connection.getresponse()
            raw = response.read()
            is_json = response.getheader("Content-Type", "").startswith("application/json")
            return Answer(
                response.status, json.loads(raw) if is_json else raw, dict(response.getheaders())
            )
        finally:
            connection.close()

    def admin(self, method: str, path: str, body: Any = None) -> Answer:
        text = "" if body is None else json.dumps(body)
        return self.send(
            method, f"/sandbox/{path}", body=text, headers={"Content-Type": "application/json"}
        )

    def public(self, path: str, **params: Any) -> Answer:
        return self.send("GET", f"{path}?{urlencode(params)}" if params else path)


class Client(Connection):
    """Signs the encoded parameters, as the venue's documentation says."""

    def __init__(self, url: str, api_key: str, sign: Sign) -> None:
        super().__init__(url)
        self.api_key = api_key
        self.sign = sign

    def call(self, method: str, path: str, **params: Any) -> Answer:
        payload = urlencode({**params, "timestamp": now_ms()})
        return self.signed(method, path, payload)

    def signed(self, method: str, path: str, payload: str, *, signature: str = "") -> Answer:
        """Send `payload` as it stands with its signature, or with the one given."""
        proof = signature or quote(self.sign(payload.encode()), safe="")
        text = f"{payload}&signature={proof}"
        headers = {"X-MBX-APIKEY": self.api_key}
        if method != "POST":
            return self.send(method, f"{path}?{text}", headers=headers)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self.send(method, path, body=text, headers=headers)

    def order(self, symbol: str = "BTCUSDT", **params: Any) -> Answer:
        return self.call("POST", "/api/v3/order", symbol=symbol, **params)

    def limit(self, side: str, quantity: str, price: str, **params: Any) -> Answer:
        limit = {"timeInForce": "GTC", **params}
        return self.order(side=side, type="LIMIT", quantity=quantity, price=price, **limit)

    def market(self, side: str, **params: Any) -> Answer:
        return self.order(side=side, type="MARKET", **params)

    def fetch(self, placed: Mapping[str, Any]) -> Any:
        """The order that `placed` answered, as it is now."""
        named = {"symbol": placed["symbol"], "orderId": placed["orderId"]}
        return self.call("GET", "/api/v3/order", **named).body

    def balances(self) -> dict[str, tuple[str, str]]:
        rows = self.call("GET", "/api/v3/account").body["balances"]
        return {row["asset"]: (row["free"], row["locked"]) for row in rows}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def hmac_signer(secret: str) -> Sign:
    return lambda payload: hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def ed25519_signer(key: Ed25519PrivateKey) -> Sign:
    return lambda payload: base64.b64encode(key.sign(payload)).decode()


def rsa_signer(key: RSAPrivateKey) -> Sign:
    return lambda payload: base64.b64encode(key.sign(payload, PKCS1v15(), SHA256())).decode()


def public_pem(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def new_client(
    url: str,
    *,
    balances: Mapping[str, str] = RICH,
    permissions: Mapping[str, Any] | None = None,
    **more: Any,
) -> Client:
    """A client with an HMAC key on an account of its own."""
    made = Connection(url).admin(
        "POST",
        "keys",
        {"kind": "hmac", "balances": balances, "permissions": permissions or {}, **more},
    )
    assert made.status == 201, made
    return Client(url, made.body["api_key"], hmac_signer(made.body["secret"]))


def ccxt_options(url: str, api_key: str, secret: str) -> dict[str, Any]:
    """What the unmodified `ccxt.binance` needs: the addresses, and nothing else."""
    return {
        "apiKey": api_key,
        "secret": secret,
        "urls": {
            "api": {
                "public": f"{url}/api/v3",
                "private": f"{url}/api/v3",
                "sapi": f"{url}/sapi/v1",
                "fapiPublic": f"{url}/fapi/v1",
                "dapiPublic": f"{url}/dapi/v1",
            }
        },
    }
