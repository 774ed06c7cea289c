"""Requests as callers make them, right or subtly wrong, and what every refusal looks like."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.core.token import Token
from scripts.clients.encoding import b64url
from scripts.clients.keys import KeyPair

ORIGIN = "https://cord.example"
"""The public origin the api is configured with: nothing listens there."""

_INTERNALS = re.compile(
    r"Traceback|File \"|\.py|asyncpg|litestar|msgspec|SELECT|INSERT|postgres|/home|/tmp|0x[0-9a-f]"
)
_MEMBERS = {"type", "title", "status", "detail", "rule", "node"}


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a key and the token that is bound to it."""

    key: KeyPair
    token: Token

    def headers(self, method: str, path: str, origin: str = ORIGIN) -> dict[str, str]:
        text = self.token.reveal()
        proof = self.key.dpop_proof(method, origin + path, token=text)
        return {"Authorization": f"DPoP {text}", "DPoP": proof}


Bot = Party


class Caller:
    """One api, and every way to call it. `http` speaks to it in this process or over a socket."""

    def __init__(self, http: httpx.AsyncClient, origin: str = ORIGIN) -> None:
        self.http = http
        self.origin = origin

    async def call(
        self,
        method: str,
        target: str,
        *,
        by: Party | None = None,
        client: Token | None = None,
        body: Any = None,
        headers: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    ) -> httpx.Response:
        """`by` a bound token, by a platform's `client` token, or by nobody."""
        pairs: list[tuple[str, Any]] = list(
            headers.items() if isinstance(headers, Mapping) else headers
        )
        if by is not None:
            path = target.partition("?")[0]
            pairs += by.headers(method, path, self.origin).items()
        if client is not None:
            pairs.append(("Authorization", f"Bearer {client.reveal()}"))
        content = body
        if body is not None and not isinstance(body, bytes):
            content = json.dumps(body).encode()
        if content is not None and not any(n.lower() == "content-type" for n, _ in pairs):
            pairs.append(("Content-Type", "application/json"))
        return await self.http.request(method, target, content=content, headers=pairs)

    async def form(
        self, target: str, fields: Mapping[str, str], *, client: Token | None = None
    ) -> httpx.Response:
        headers = {} if client is None else {"Authorization": f"Bearer {client.reveal()}"}
        return await self.http.post(target, data=dict(fields), headers=headers)


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a refusal is an RFC 9457 problem that tells nothing of our insides."""
    assert (response.status_code, response.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), (response.status_code, response.text)
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:tripcord:problem:{code}", problem
    assert problem["status"] == status
    assert problem["title"] == code.replace("_", " ")
    assert re.fullmatch(r"[A-Z].+\.", problem["detail"])
    assert problem.keys() <= _MEMBERS
    assert response.headers["cache-control"] == "no-store"
    assert not _INTERNALS.search(response.text)
    return problem


def refused_by_oauth(response: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """Check that a refusal at /oauth/* is RFC 6749's, and tells nothing of our insides."""
    assert (response.status_code, response.headers["content-type"]) == (
        status,
        "application/json",
    ), (response.status_code, response.text)
    body: dict[str, Any] = response.json()
    assert body.keys() == {"error", "error_description"}
    assert body["error"] == error, body
    assert re.fullmatch(r"[A-Z][^\"\\]+\.", body["error_description"])
    assert response.headers["cache-control"] == "no-store"
    assert not _INTERNALS.search(response.text)
    return body


def jws(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, key: Any) -> str:
    """A compact JWS exactly as told, whatever the header claims; `key` makes the signature bytes.

    `key` is a KeyPair, raw signature bytes, or a function from signing input to signature.
    """
    parts = [
        b64url(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    signing_input = ".".join(parts).encode()
    if isinstance(key, KeyPair):
        signature = _signature(key, signing_input)
    else:
        signature = key(signing_input) if callable(key) else key
    return ".".join([*parts, b64url(signature)])


def proof_header(key: KeyPair, **changes: Any) -> dict[str, Any]:
    """Header of a good DPoP proof, with changes; None drops a field."""
    fields = {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": key.public_jwk} | changes
    return {name: value for name, value in fields.items() if value is not None}


def proof_claims(method: str, url: str, **changes: Any) -> dict[str, Any]:
    """Claims of a good DPoP proof without a token, with changes; None drops a claim."""
    fields = {"jti": b64url(_fresh()), "htm": method, "htu": url, "iat": int(time.time())} | changes
    return {name: value for name, value in fields.items() if value is not None}


def _fresh() -> bytes:
    return msgspec.msgpack.encode(time.monotonic_ns()) + KeyPair.ed25519().jkt.encode()[:12]


def _signature(key: KeyPair, signing_input: bytes) -> bytes:
    private = key._private
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(signing_input)
    r, s = decode_dss_signature(private.sign(signing_input, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
