"""D60: a platform's receiver takes what is from Tripcord, now and once, and nothing else."""

import base64
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from app.core.secret import Secret
from app.webhooks.keys import SigningKeys, public_text, signed_content
from scripts.clients.webhook import AlreadySeen, DeliveryRefused, Receiver

ISSUER, CLIENT = "https://cord.example", str(uuid4())
URI = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
HOOK = uuid4()
KEYS = SigningKeys(Secret(bytes(range(32))))
RSA = rsa.generate_private_key(65537, 2048)
JWKS = {
    "keys": [
        {**jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True),
         "kid": "k", "alg": "RS256"},
    ]
}  # fmt: skip


def a_token(event_id: str, *, typ: str = "secevent+jwt", key: Any = RSA, **changes: Any) -> bytes:
    claims = {
        "iss": ISSUER, "aud": CLIENT, "jti": event_id, "txn": "t", "iat": int(time.time()),
        "sub_id": {"format": "opaque", "id": "x"}, "events": {URI: {"event_timestamp": 1}},
    } | changes  # fmt: skip
    return jwt.encode(claims, key, "RS256", headers={"typ": typ, "kid": "k"}).encode()


def delivery(
    body: bytes, event_id: str, *, versions: tuple[int, ...] = (1,), at: int | None = None
) -> dict[str, str]:
    timestamp = int(time.time()) if at is None else at
    signed = signed_content(event_id, timestamp, body)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": KEYS.signatures(HOOK, versions, signed),
    }


def receiver(*versions: int) -> Receiver:
    keys = [public_text(KEYS.public_key(HOOK, version)) for version in versions or (1,)]
    return Receiver(keys, JWKS, ISSUER, CLIENT)


def a_good_one() -> tuple[str, bytes, dict[str, str]]:
    event_id = str(uuid4())
    body = a_token(event_id)
    return event_id, body, delivery(body, event_id)


def test_a_genuine_delivery_is_taken_once() -> None:
    event_id, body, headers = a_good_one()
    taker = receiver()
    event = taker.receive(headers, body)
    assert (event.event_id, event.kind) == (event_id, "session-revoked")
    assert event.subject == {"format": "opaque", "id": "x"}
    # Replay: word for word, and as a repeat of ours with a fresh time.
    with pytest.raises(AlreadySeen):
        taker.receive(headers, body)
    with pytest.raises(AlreadySeen):
        taker.receive(delivery(body, event_id), body)


@pytest.mark.parametrize("seconds", [-301, -86_400, 301])
def test_an_old_delivery_and_one_from_the_future_are_refused(seconds: int) -> None:
    event_id = str(uuid4())
    body = a_token(event_id)
    headers = delivery(body, event_id, at=int(time.time()) + seconds)
    with pytest.raises(DeliveryRefused, match="old"):
        receiver().receive(headers, body)
    # A new time does not fit the old signature.
    headers["webhook-timestamp"] = str(int(time.time()))
    with pytest.raises(DeliveryRefused, match="signature"):
        receiver().receive(headers, body)


@pytest.mark.parametrize(
    "header",
    ["", "v1,AAAA", "v1a,", "v1a", "v1a,AAAA", "v2,AAAA", "none"],
)
def test_a_stripped_or_downgraded_signature_is_refused(header: str) -> None:
    _, body, headers = a_good_one()
    with pytest.raises(DeliveryRefused, match="signature"):
        receiver().receive({**headers, "webhook-signature": header}, body)
    genuine = headers["webhook-signature"].removeprefix("v1a,")
    with pytest.raises(DeliveryRefused, match="signature"):
        receiver().receive({**headers, "webhook-signature": f"v1,{genuine}"}, body)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_no_header_may_be_missing(name: str) -> None:
    _, body, headers = a_good_one()
    del headers[name]
    with pytest.raises(DeliveryRefused):
        receiver().receive(headers, body)


def test_every_part_is_under_the_signature() -> None:
    _, body, headers = a_good_one()
    other = str(uuid4())
    for changed, text in (
        ({**headers, "webhook-id": other}, body),
        ({**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body),
        (headers, body + b" "),
        (headers, a_token(other)),
    ):
        with pytest.raises(DeliveryRefused, match="signature"):
            receiver().receive(changed, text)


def test_a_rotated_key_is_good_for_the_overlap_and_refused_after_it() -> None:
    event_id = str(uuid4())
    body = a_token(event_id)
    both = delivery(body, event_id, versions=(2, 1))
    for version in (1, 2):
        assert receiver(version).receive(both, body).event_id == event_id
    only_new = delivery(body, event_id, versions=(2,))
    with pytest.raises(DeliveryRefused, match="signature"):
        receiver(1).receive(only_new, body)
    # What an old key signs is not taken by who has dropped it.
    only_old = delivery(body, event_id, versions=(1,))
    with pytest.raises(DeliveryRefused, match="signature"):
        receiver(2).receive(only_old, body)
    stranger = public_text(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    with pytest.raises(DeliveryRefused, match="signature"):
        Receiver([stranger], JWKS, ISSUER, CLIENT).receive(both, body)


@pytest.mark.parametrize(
    "changes",
    [{"typ": "JWT"}, {"iss": "https://evil.example"}, {"aud": str(uuid4())}, {"sub": "x"},
     {"exp": int(time.time()) + 60}, {"events": {}}, {"events": {URI: {}, URI + "x": {}}},
     {"key": rsa.generate_private_key(65537, 2048)}, {"jti": "another"}],
)  # fmt: skip
def test_a_token_that_is_not_one_for_us_is_refused(changes: dict[str, Any]) -> None:
    event_id = str(uuid4())
    body = a_token(event_id, **changes)
    with pytest.raises(DeliveryRefused):
        receiver().receive(delivery(body, event_id), body)


def test_an_unsigned_token_is_refused() -> None:
    event_id, body, _ = a_good_one()
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"secevent+jwt","kid":"k"}').rstrip(b"=")
    bare = head + b"." + body.split(b".")[1] + b"."
    with pytest.raises(DeliveryRefused):
        receiver().receive(delivery(bare, event_id), bare)
