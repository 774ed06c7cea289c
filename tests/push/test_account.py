"""Which service accounts are taken, and that a refusal never quotes one."""

import json

import pytest

from app.core.clock import SystemClock
from app.core.secret import Secret
from app.push.errors import ServiceAccountRefused
from app.push.fcm import FcmSender

KEY = "hunter2"
ACCOUNT = {
    "type": "service_account",
    "project_id": "p",
    "token_uri": "https://t.example",
    "client_email": "e@p.example",
    "private_key": KEY,
}


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in ACCOUNT.items() if key != name}).encode()


CONTENTS = {
    "nothing": b"",
    "bytes that are no text": b"\xff",
    "another shape": b"[]",
    "no project": without("project_id"),
    "no token endpoint": without("token_uri"),
    "no key": without("private_key"),
    "a key that is none": json.dumps(ACCOUNT).encode(),
    "a user": json.dumps(ACCOUNT | {"type": "authorized_user"}).encode(),
    "another universe": json.dumps(ACCOUNT | {"universe_domain": "elsewhere.example"}).encode(),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_what_is_no_service_account_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(ServiceAccountRefused) as refused:
        FcmSender(Secret(content), origin=None, threads=1, clock=SystemClock())
    assert KEY not in str(refused.value)
    # What google-auth said of the key must not appear in a traceback either.
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
