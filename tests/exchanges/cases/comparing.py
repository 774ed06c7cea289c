"""Our request beside plain ccxt's, to the byte."""

import json
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.exchanges.models import SignedRequest
from tests.exchanges.cases.case import Case, Seen


def assert_identical(case: Case, ours: SignedRequest, theirs: Seen, public_key: Any = None) -> None:
    """The same but for the broker tags, which are ccxt's and unsigned, and which we leave out.

    An ECDSA signature is another one each time, and so is the nonce of its token: there header and
    claims are compared, and ours must verify with `public_key` (default: of the case's secret).
    """
    headers = {
        name: value for name, value in theirs.headers.items() if name not in case.broker_headers
    }
    mine = dict(ours.headers)
    if case.algorithm == "es256":
        _assert_same_token(
            mine.pop("Authorization"),
            headers.pop("Authorization"),
            public_key or load_pem_private_key(case.secret, None).public_key(),
        )
    origin = next(
        (host for start, host in case.other_origins if ours.path_and_query.startswith(start)),
        case.origin,
    )
    assert (ours.method, origin + ours.path_and_query) == (theirs.method, theirs.url)
    assert mine == headers
    assert ours.body == (theirs.body or "").encode()


def _assert_same_token(ours: str, theirs: str, public_key: Any) -> None:
    read = [_read(token) for token in (ours, theirs)]
    nonces = {header.pop("nonce") for header, _, _, _ in read}
    assert len(nonces) == 2
    assert all(len(nonce) >= 24 for nonce in nonces)  # ccxt drops leading zeros
    assert read[0][:2] == read[1][:2]
    for _, _, message, signature in read:
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        der = encode_dss_signature(r, s)
        key = public_key if message == read[0][2] else None
        if key is not None:
            key.verify(der, message, ec.ECDSA(hashes.SHA256()))


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    message, _, signature = token.removeprefix("Bearer ").rpartition(".")
    header, claims = (json.loads(_raw(part)) for part in message.split("."))
    return header, claims, message.encode(), _raw(signature)


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
