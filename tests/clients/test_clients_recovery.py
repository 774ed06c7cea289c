"""Codes on paper: what travels of them, what a phone signs with them, and typing errors."""

from uuid import UUID

import httpx
import pytest

from scripts.clients.encoding import BadFormat, Secret
from scripts.clients.keys import KeyPair, SignatureInvalid
from scripts.clients.phone import Phone
from scripts.clients.recovery import PendingCodes, RecoverySheet, make_code, read_code
from tests.clients.service import ORIGIN, TRADER, FakeService, payload_of

CODES = "/v1/factors/recovery-codes"
RE = "/v1/re-enrolments"
BEGUN = {"re_enrolment_id": str(UUID(int=9)), "state": "waiting",
         "not_before": "2026-11-22T01:02:03Z", "expires_at": "2026-11-29T01:02:03Z"}  # fmt: skip


def make_sheet(service: FakeService, phone: Phone) -> RecoverySheet:
    service.will("POST", CODES, {"state": "bound", "codes_left": 10, "approval_id": None})
    sheet = phone.make_recovery_codes()
    assert isinstance(sheet, RecoverySheet)
    return sheet


def new_phone(service: FakeService) -> Phone:
    return Phone(name="New", inbox=None, transport=httpx.MockTransport(service))


def test_ten_codes_are_made_and_no_part_of_one_travels(service: FakeService, phone: Phone) -> None:
    sheet = make_sheet(service, phone)
    claims = payload_of(service.sent(CODES)["statement"])
    assert [code["code_id"] for code in claims["codes"]] == [str(c.code_id) for c in sheet.codes]
    assert [code["x"] for code in claims["codes"]] == [c.key.public_jwk["x"] for c in sheet.codes]
    assert (sheet.origin, sheet.identity_jkt) == (ORIGIN, phone.identity_jkt)
    sent = b"".join(request.content for request in service.requests)
    for code in sheet.codes:
        assert code.text.reveal() not in repr(sheet)
        assert code.text.reveal()[56:78].encode() not in sent


def test_where_an_approval_is_asked_the_same_statement_goes_again(
    service: FakeService, phone: Phone
) -> None:
    asked = {"state": "awaiting_approval", "codes_left": 3, "approval_id": str(UUID(int=8))}
    service.will("POST", CODES, asked, {"state": "bound", "codes_left": 10, "approval_id": None})
    pending = phone.make_recovery_codes()
    assert isinstance(pending, PendingCodes)
    assert phone.finish_recovery_codes(pending) == pending.sheet
    assert service.sent(CODES) == {
        "statement": pending.statement, "approval_id": str(UUID(int=8)),
    }  # fmt: skip


def test_a_code_reads_back_from_paper_to_the_same_key() -> None:
    code = make_code(TRADER)
    assert read_code(code.text) == code
    assert read_code(code.text).key.jkt == code.key.jkt
    assert make_code(TRADER).key.jkt != code.key.jkt
    text = code.text.reveal()
    for wrong in (text[:-1] + "0", text.replace("recovery", "card"), text + "0", "", text[:40]):
        if wrong != text:
            with pytest.raises(BadFormat):
                read_code(Secret(wrong))


def test_a_new_phone_comes_back_with_two_signatures_over_the_same_words(
    service: FakeService, phone: Phone
) -> None:
    sheet = make_sheet(service, phone)
    service.will("POST", RE, BEGUN, status=201)
    back = new_phone(service)
    waiting = back.come_back(sheet, sheet.codes[3], authenticator_lost=True)
    body = service.sent(RE)
    assert payload_of(body["statement"]) == payload_of(body["code_statement"])
    claims = payload_of(body["statement"])
    assert (claims["jkt"], claims["authenticator_lost"]) == (back.key.jkt, True)
    assert sheet.codes[3].text.reveal()[56:78] not in str(body)
    path = f"{RE}/{waiting.re_enrolment_id}"
    service.will("GET", path, {"state": "waiting"})
    assert back.poll(waiting) == {"state": "waiting"}
    bound = {
        "trader_id": str(TRADER), "device_id": str(UUID(int=2)), "root_token_id": str(UUID(int=3)),
        "device_token": "tc_device_x", "identity_jwk": service.identity.public_jwk,
        "identity_jkt": service.identity.jkt, "checkpoint_jkt": "c",
    }  # fmt: skip
    service.answers["POST", f"{path}/complete"] = [
        httpx.Response(201, json=bound, headers={"Tripcord-Receipt": "tc_receipt_x"})
    ]
    receipt = back.complete(waiting)
    assert receipt is not None
    assert receipt.reveal() == "tc_receipt_x"
    assert back.account.trader_id == TRADER
    back.close()


def test_a_service_with_another_identity_than_the_sheets_is_refused(
    service: FakeService, phone: Phone
) -> None:
    sheet = make_sheet(service, phone)
    service.will("POST", RE, BEGUN, status=201)
    back = new_phone(service)
    waiting = back.come_back(sheet, sheet.codes[0])
    bound = {"trader_id": str(TRADER), "device_id": str(UUID(int=2)), "device_token": "t",
             "identity_jwk": KeyPair.p256().public_jwk, "checkpoint_jkt": "c"}  # fmt: skip
    service.will("POST", f"{RE}/{waiting.re_enrolment_id}/complete", bound, status=201)
    with pytest.raises(SignatureInvalid):
        back.complete(waiting)
    back.close()


def test_an_old_phone_sees_and_vetoes_with_its_key_alone(
    service: FakeService, phone: Phone
) -> None:
    service.will("GET", RE, {"items": [BEGUN]})
    (seen,) = phone.open_re_enrolments()
    path = f"{RE}/{seen['re_enrolment_id']}/veto"
    service.will("POST", path, {"re_enrolment_id": seen["re_enrolment_id"], "state": "vetoed"})
    assert phone.veto(UUID(seen["re_enrolment_id"]))["state"] == "vetoed"
    assert payload_of(service.sent(path)["statement"])["act"] == "veto"
    assert "Authorization" not in service.requests[-1].headers
    assert "Authorization" not in service.requests[-2].headers
