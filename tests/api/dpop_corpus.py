"""DPoP proofs that are subtly wrong, and some that only look it.

Each is a function from the trader whose device makes it to the header's value, for one request:
`POST /v1/sealing-keys` with the device's own token.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from scripts.clients.encoding import b64url, canonical_json, sha256
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, jws, proof_claims, proof_header
from tests.api.rows import TraderRow

PATH = "/v1/sealing-keys"
URL = ORIGIN + PATH
BODY = {"purpose": "totp"}
KEY = KeyPair.p256()
NOW = int(time.time())
OTHER = KeyPair.p256()

Make = Callable[[TraderRow], str]


def ath(trader: TraderRow) -> str:
    return b64url(sha256(trader.device.token.reveal().encode()))


def claiming(**changes: Any) -> Make:
    """A proof by the device's own key with these claims changed."""

    def make(trader: TraderRow) -> str:
        claims = proof_claims("POST", URL, **{"ath": ath(trader)} | changes)
        return jws(proof_header(trader.device.key), claims, trader.device.key)

    return make


def aged(seconds: float) -> Make:
    """A proof made so long before the request (negative: by a clock that is ahead)."""

    def make(trader: TraderRow) -> str:
        return claiming(iat=int(time.time() - seconds))(trader)

    return make


def heading(**changes: Any) -> Make:
    """A proof by the device's own key with these header fields changed."""

    def make(trader: TraderRow) -> str:
        claims = proof_claims("POST", URL, ath=ath(trader))
        return jws(proof_header(trader.device.key, **changes), claims, trader.device.key)

    return make


def unsigned(algorithm: str) -> Make:
    return lambda trader: heading(alg=algorithm)(trader).rpartition(".")[0] + "."


def by_public_key_as_secret(trader: TraderRow) -> str:
    key = trader.device.key
    claims = proof_claims("POST", URL, ath=ath(trader))
    public = canonical_json(key.public_jwk)
    return jws(
        proof_header(key, alg="HS256"),
        claims,
        lambda text: hmac.digest(public, text, hashlib.sha256),
    )


def by(key: KeyPair, **header: Any) -> Make:
    def make(trader: TraderRow) -> str:
        claims = proof_claims("POST", URL, ath=ath(trader))
        return jws(proof_header(key, **header), claims, key)

    return make


def private_jwk(trader: TraderRow) -> dict[str, Any]:
    return {**trader.device.key.public_jwk, "d": b64url(bytes(31) + b"\1")}


def edited(change: Callable[[str], str]) -> Make:
    return lambda trader: change(claiming()(trader))


PROOFS: dict[str, Make] = {
    "algorithm none": unsigned("none"),
    "algorithm NONE": unsigned("NONE"),
    "algorithm none with a signature": heading(alg="none"),
    "HS256 with the public key": by_public_key_as_secret,
    "RS256": heading(alg="RS256"),
    "EdDSA in the header, ES256 in the key": heading(alg="EdDSA"),
    "ES256 in lower case": heading(alg="es256"),
    "no algorithm": heading(alg=None),
    "an algorithm that is a list": heading(alg=["ES256"]),
    "a private key in jwk": lambda t: heading(jwk=private_jwk(t))(t),
    "a symmetric key in jwk": heading(jwk={"kty": "oct", "k": "AAAA"}),
    "no jwk": heading(jwk=None),
    "a jwk that is a text": heading(jwk="key"),
    "a jwk that is empty": heading(jwk={}),
    "a jwk that is a list": heading(jwk=[]),
    "a key name instead of a jwk": heading(jwk=None, kid="x"),
    "somebody else's jwk, our signature": heading(jwk=OTHER.public_jwk),
    "somebody else's jwk and signature": by(OTHER),
    "an Ed25519 key for a token bound to P-256": by(KeyPair.ed25519()),
    "an encryption key": lambda t: heading(jwk={**t.device.key.public_jwk, "use": "enc"})(t),
    "another type": heading(typ="JWT"),
    "the type of a statement": heading(typ="tripcord+jws"),
    "the type in capitals": heading(typ="DPOP+JWT"),
    "the type with its prefix": heading(typ="application/dpop+jwt"),
    "no type": heading(typ=None),
    "a key from the internet": heading(jku="https://evil.example/jwks"),
    "a certificate from the internet": heading(x5u="https://evil.example/x5u"),
    "a certificate": heading(x5c=["AAAA"]),
    "a key name beside the key": heading(kid="x"),
    "a critical extension": heading(crit=["exp"], exp=1),
    "an empty list of critical extensions": heading(crit=[]),
    "an unencoded payload": heading(b64=False, crit=["b64"]),
    "compression": heading(zip="DEF"),
    "a nonce in the header": heading(nonce="x"),
    "another method": claiming(htm="GET"),
    "the method in lower case": claiming(htm="post"),
    "no method": claiming(htm=None),
    "another path": claiming(htu=f"{ORIGIN}/v1/orders"),
    "the path with a slash": claiming(htu=f"{URL}/"),
    "the path in capitals": claiming(htu=f"{ORIGIN}/V1/sealing-keys"),
    "the path written otherwise": claiming(htu=f"{ORIGIN}/v1/x/../sealing-keys"),
    "the path percent-encoded": claiming(htu=f"{ORIGIN}/v1/%73ealing-keys"),
    "another host": claiming(htu=f"https://evil.example{PATH}"),
    "our host as a label of another": claiming(htu=f"https://cord.example.evil.example{PATH}"),
    "our host as a user of another": claiming(htu=f"https://cord.example@evil.example{PATH}"),
    "a user at our host": claiming(htu=f"https://user@cord.example{PATH}"),
    "an empty user at our host": claiming(htu=f"https://@cord.example{PATH}"),
    "a password at our host": claiming(htu=f"https://:pw@cord.example{PATH}"),
    "another port": claiming(htu=f"https://cord.example:8443{PATH}"),
    "the port of another scheme": claiming(htu=f"https://cord.example:80{PATH}"),
    "no port at all": claiming(htu=f"https://cord.example:x{PATH}"),
    "a port beyond ports": claiming(htu=f"https://cord.example:99999{PATH}"),
    "another scheme": claiming(htu=f"http://cord.example{PATH}"),
    "no scheme": claiming(htu=f"cord.example{PATH}"),
    "only the path": claiming(htu=PATH),
    "an unclosed IPv6 host": claiming(htu=f"https://[::1{PATH}"),
    "a trailing dot in the host": claiming(htu=f"https://cord.example.{PATH}"),
    "an empty address": claiming(htu=""),
    "a very long address": claiming(htu=f"{URL}?{'a' * 3000}"),
    "no address": claiming(htu=None),
    "no ath": claiming(ath=None),
    "an empty ath": claiming(ath=""),
    "the ath of another token": claiming(ath=b64url(sha256(b"other"))),
    "the ath padded": lambda t: claiming(ath=ath(t) + "=")(t),
    "the ath in hexadecimal": lambda t: claiming(
        ath=hashlib.sha256(t.device.token.reveal().encode()).hexdigest()
    )(t),
    "an ath that is a number": claiming(ath=1),
    "an ath beyond ASCII": claiming(ath="é" * 43),
    "issued 61 seconds ago": aged(61.5),
    "issued at the epoch": claiming(iat=0),
    "issued before the epoch": claiming(iat=-1),
    "issued in eight seconds": aged(-8),
    "issued beyond 64 bits": claiming(iat=10**30),
    "issued at a float": claiming(iat=NOW + 0.5),
    "issued at a text": claiming(iat=str(NOW)),
    "issued at true": claiming(iat=True),
    "no time": claiming(iat=None),
    "no identifier": claiming(jti=None),
    "an empty identifier": claiming(jti=""),
    "an identifier too short": claiming(jti="1234567"),
    "an identifier too long": claiming(jti="j" * 129),
    "an identifier that is a number": claiming(jti=12345678),
    "half a surrogate pair for an identifier": claiming(jti="\ud800" * 8),
    "claims that are a list": lambda t: jws(proof_header(t.device.key), b"[]", t.device.key),
    "claims that are no JSON": lambda t: jws(proof_header(t.device.key), b"x", t.device.key),
    "no claims": lambda t: jws(proof_header(t.device.key), b"", t.device.key),
    "a header that is a list": lambda t: jws(b"[]", proof_claims("POST", URL), t.device.key),
    "a header that is no JSON": lambda t: jws(b"{", proof_claims("POST", URL), t.device.key),
    "a header in UTF-16": lambda t: jws(
        json.dumps(proof_header(t.device.key)).encode("utf-16"), proof_claims("POST", URL), b""
    ),
    "deep nesting in the header": lambda t: jws(b"[" * 8000, b"{}", t.device.key),
    "a bent signature": edited(lambda p: p[:-4] + ("AAAA" if p[-4:] != "AAAA" else "BBBB")),
    "no signature": edited(lambda p: p.rpartition(".")[0] + "."),
    "a signature in DER": edited(lambda p: p.rpartition(".")[0] + "." + b64url(b"\x30" * 70)),
    "two parts": edited(lambda p: p.rpartition(".")[0]),
    "four parts": edited(lambda p: p + ".AA"),
    "padding": edited(lambda p: p + "="),
    "the standard alphabet": edited(lambda p: p[:-1] + "+"),
    "spaces": edited(lambda p: p.replace(".", " .")),
    "two proofs in one line": edited(lambda p: f"{p}, {p}"),
    "empty": lambda _: "",
    "a nonce that is a number": claiming(nonce=7),
    "a nonce that is a list": claiming(nonce=["x"]),
    "a nonce too long": claiming(nonce="x" * 129),
    "a JWE": lambda _: "e30.AA.AA.AA.AA",
    "too long": claiming(extra="x" * 12_000),
}
NONCE_WANTED: dict[str, Make] = {
    "eleven seconds old": aged(11),
    "fifty seconds old": aged(50),
    "a nonce of somebody's own": claiming(nonce="x"),
    "an empty nonce": claiming(nonce=""),
    "a nonce of the right length": claiming(nonce="A" * 24),
    "a nonce with a NUL": claiming(nonce="\0"),
    "a nonce that is not ASCII": claiming(nonce="\u2713" * 24),
}
"""Good but for their nonce: answered with one to use (RFC 9449 section 9)."""

PROVEN_WITH_ANOTHER_KEY = {
    "somebody else's jwk and signature",
    "an Ed25519 key for a token bound to P-256",
}
"""Good proofs, of a key the token is not bound to: it is the token that is refused."""


ACCEPTED: dict[str, Make] = {
    "as the RFC shows it": claiming(),
    "with the default port": claiming(htu=f"https://cord.example:443{PATH}"),
    "with the host in capitals": claiming(htu=f"https://CORD.example{PATH}"),
    "with the scheme in capitals": claiming(htu=f"HTTPS://cord.example{PATH}"),
    "with a query, which does not count": claiming(htu=f"{URL}?a=1"),
    "with a fragment, which does not count": claiming(htu=f"{URL}#a"),
    "nine seconds old": aged(9),
    "of a clock three seconds ahead": aged(-3),
    "with other claims": claiming(exp=NOW + 60, iss="me"),
    "with a key that says what it is for": lambda t: heading(
        jwk={**t.device.key.public_jwk, "use": "sig", "alg": "ES256", "key_ops": ["verify"]}
    )(t),
}
