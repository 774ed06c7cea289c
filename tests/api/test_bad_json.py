"""Bodies that are not what was promised: refused whole, and nothing is half done."""

import gzip
import json

import asyncpg
import pytest

from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.routes import PROTECTED, Row, new_grant
from tests.api.rows import PlatformRow, TraderRow, counts
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

MALFORMED = {
    "nothing at all": b"",
    "white space": b"  \n",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"purpose"',
    "a number": b"1",
    "cut off": b'{"purpose":"to',
    "two documents": b'{"purpose":"totp"}{"purpose":"totp"}',
    "a tail": b'{"purpose":"totp"} x',
    "a trailing comma": b'{"purpose":"totp",}',
    "a comment": b'{"purpose":"totp" /* why */}',
    "single quotes": b"{'purpose':'totp'}",
    "a key twice": b'{"purpose":"totp","purpose":"totp"}',
    "a key twice, once escaped": b'{"purpose":"totp","purpos\\u0065":"exchange"}',
    "an unknown field": b'{"purpose":"totp","admin":true}',
    "an unknown field that is null": b'{"purpose":"totp","admin":null}',
    "a missing field": b"{}",
    "a field in capitals": b'{"Purpose":"totp"}',
    "a value outside the list": b'{"purpose":"root"}',
    "null for a text": b'{"purpose":null}',
    "a number for a text": b'{"purpose":1}',
    "a list for a text": b'{"purpose":["totp"]}',
    "an object for a text": b'{"purpose":{"totp":1}}',
    "a byte order mark": b'\xef\xbb\xbf{"purpose":"totp"}',
    "invalid UTF-8": b'{"purpose":"totp\xff"}',
    "overlong UTF-8": b'{"purpose":"tot\xc1\xb0"}',
    "UTF-16": '{"purpose":"totp"}'.encode("utf-16"),
    "UTF-32": '{"purpose":"totp"}'.encode("utf-32"),
    "half a surrogate pair": b'{"purpose":"\\ud800"}',
    "a control character": b'{"purpose":"to\ntp"}',
    "deep nesting": b'{"purpose":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep nesting never closed": b'{"purpose":' + b'{"a":' * 10_000,
    "gzip": gzip.compress(b'{"purpose":"totp"}'),
    "a form": b"purpose=totp",
}

NUMBERS = {
    "a float": b"1.5",
    "a float that is whole": b"1.0",
    "an exponent": b"1e3",
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "a float beyond a double": b"1e999",
    "an integer of 5000 digits": b"1" * 5000,
    "an integer beyond 64 bits": b"18446744073709551616",
    "a leading zero": b"01",
    "hexadecimal": b"0x10",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_body_with_another_form_is_refused(
    body: bytes, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    response = await caller.call("POST", "/v1/sealing-keys", by=trader.device, body=body)
    refused(response, 400, "malformed")
    assert signer.asked == []


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
async def test_a_number_is_refused_wherever_it_stands(
    number: bytes, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    for body in (
        b'{"purpose":' + number + b"}",
        b'{"purpose":"totp","extra":' + number + b"}",
        b'{"purpose":[{"deep":' + number + b"}]}",
        number,
    ):
        response = await caller.call("POST", "/v1/sealing-keys", by=trader.device, body=body)
        refused(response, 400, "malformed")
    assert signer.asked == []


NOT_EVEN_READ = {name: text for name, text in NUMBERS.items() if "integer" not in name}


@pytest.mark.parametrize("number", NOT_EVEN_READ.values(), ids=NOT_EVEN_READ.keys())
async def test_a_number_with_two_readings_is_refused_even_where_anything_may_stand(
    number: bytes, caller: Caller, trader: TraderRow
) -> None:
    """A public key may have members we do not know: an integer passes there, a float never."""
    key = KeyPair.p256()
    headers = {"DPoP": key.dpop_proof("POST", f"{ORIGIN}/v1/sessions")}
    for value, accepted in ((number, False), (b"7", True)):
        jwk = json.dumps(key.public_jwk).encode()[:-1] + b',"x-extra":' + value + b"}"
        body = b'{"trader_id":"%s","public_jwk":%s}' % (str(trader.trader_id).encode(), jwk)
        response = await caller.call("POST", "/v1/sessions", headers=headers, body=body)
        if accepted:
            assert response.status_code == 201
        else:
            refused(response, 400, "malformed")


OPTIONAL = {
    "/v1/sessions/{session_id:uuid}/proof": {"code"},  # asking again needs none
    "/v1/tokens": {"markets", "allocation", "free_limit", "max_order"},  # the parent's then
    "/v1/webhooks/{webhook_id:uuid}": {"state"},  # what is not given stays
    "/v1/re-enrolments": {"code_id", "code_statement"},  # a passkey in their place
    "/v1/tokens/{token_id:uuid}/ip-networks": {"trader_id"},  # a device knows its own
    "/v1/approvals/{approval_id:uuid}/cancel": {"trader_id"},  # a platform token knows its own
    "/v1/approvals/{approval_id:uuid}/redeem": {"trader_id"},
    "/v1/approvals/{approval_id:uuid}/number": {"trader_id"},
    "/v1/approvals/{approval_id:uuid}/code": {"trader_id"},
    "/v1/devices": {"enrolment_code"},  # an approval in its place
}
"""Members of the samples that a body may go without."""


@pytest.mark.parametrize(
    "row", [row for row in PROTECTED if row.body is not None], ids=lambda row: row.path
)
async def test_every_body_refuses_a_field_it_does_not_know(
    row: Row,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    assert row.body is not None
    good, before = row.body(trader), await counts(rows)
    stray = [{**good, "unknown": "x"}]
    for name, value in good.items():
        stray.append({**good, name: 1})
        if isinstance(value, dict) and name not in {"public_jwk", "response"}:
            stray.append({**good, name: {**value, "unknown": "x"}})
    stray += [{k: v for k, v in good.items() if k != name} for name in good]
    for optional in OPTIONAL.get(row.path, set()):
        stray.remove({k: v for k, v in good.items() if k != optional})
    for body in stray:
        response = await caller.call(row.method, row.target(trader), body=body)
        refused(response, 400, "malformed")
    nested = json.dumps(good)[:-1] + ("," if good else "") + '"x":{"a":1,"a":2}}'
    response = await caller.call(row.method, row.target(trader), body=nested.encode())
    refused(response, 400, "malformed")
    assert await counts(rows) == before
    assert signer.asked == []


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/msgpack",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(
    content_type: str, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    response = await caller.call(
        "POST",
        "/v1/sealing-keys",
        by=trader.device,
        body=b'{"purpose":"totp"}',
        headers={"Content-Type": content_type},
    )
    refused(response, 400, "malformed")
    assert signer.asked == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_by_its_usual_names_is_taken(
    content_type: str, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    response = await caller.call(
        "POST",
        "/v1/sealing-keys",
        by=trader.device,
        body=b'{"purpose":"totp"}',
        headers={"Content-Type": content_type},
    )
    assert response.status_code == 201
    assert len(signer.relayed()) == 1


@pytest.mark.parametrize("size", [65_536 + 1, 200_000])
async def test_a_body_above_64_kb_is_refused(
    size: int, caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    body = b'{"purpose":"totp"}'.ljust(size)
    response = await caller.call("POST", "/v1/sealing-keys", by=trader.device, body=body)
    refused(response, 413, "body_too_large")
    largest = b'{"purpose":"totp"}'.ljust(65_536)
    assert signer.asked == []
    response = await caller.call("POST", "/v1/sealing-keys", by=trader.device, body=largest)
    assert response.status_code == 201


UNSTORABLE = ["a\x00b", "\x00", "\ud800", "x\udfff", "a\ud800b"]


@pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
async def test_a_text_the_database_or_utf8_cannot_hold_is_refused_and_not_a_fault(
    text: str,
    caller: Caller,
    trader: TraderRow,
    platform: PlatformRow,
    signer: StandInSigner,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    body = new_grant(trader)
    body["model"] = {**body["model"], "name": text}
    refused(
        await caller.call("POST", "/v1/tokens", client=platform.token, body=body), 400, "malformed"
    )
    redeem = {"card": text}
    refused(await caller.call("POST", "/v1/revocation-cards/redeem", body=redeem), 400, "malformed")
    for field in ({text: "x"}, {"a": {"b": [text]}}):
        refused(
            await caller.call("POST", "/v1/traders", client=platform.token, body=field),
            400,
            "malformed",
        )
    assert await counts(rows) == before
    assert signer.asked == []
