"""After the cord only the receipt reads on."""

from uuid import UUID

import httpx
import pytest

from scripts.clients import cord
from scripts.clients.encoding import Secret
from scripts.clients.http import Api
from scripts.clients.phone import Phone
from tests.clients.service import FakeService

RECEIPT = {
    "revocation_id": str(UUID(int=3)),
    "token_id": str(UUID(int=4)),
    "level": "revoked",
    "position": 17,
    "revoked_at": "2026-11-21T01:02:03Z",
    "cleanup_deadline_at": "2026-11-21T01:17:03Z",
}


def pull(service: FakeService, phone: Phone) -> cord.Receipt:
    service.answers["POST", "/v1/break-glass"] = [
        httpx.Response(200, json=RECEIPT, headers={"Tripcord-Receipt": "tc_receipt_x"})
    ]
    return phone.pull_the_cord()


def test_after_the_cord_only_the_receipt_reads_on(
    service: FakeService, phone: Phone, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = pull(service, phone)
    assert (receipt.level, receipt.position) == ("revoked", 17)
    assert "tc_receipt_x" not in repr(receipt)
    path = f"/v1/revocations/{UUID(int=3)}"
    under_way = ({"cleanup_state": "pending"}, {"cleanup_state": "running"})
    service.will("GET", path, *under_way, {"cleanup_state": "done"})
    monkeypatch.setattr(cord, "_POLL_SECONDS", 0.01)
    assert cord.await_cleanup(api, receipt, seconds=10) == {"cleanup_state": "done"}
    last = service.requests[-1].headers
    assert last["Tripcord-Receipt"] == "tc_receipt_x"
    assert not {"Authorization", "DPoP"} & last.keys()


def test_a_clean_up_that_goes_on_is_said_to(service: FakeService, phone: Phone, api: Api) -> None:
    receipt = pull(service, phone)
    service.will("GET", f"/v1/revocations/{UUID(int=3)}", {"cleanup_state": "running"})
    with pytest.raises(cord.CleanupUnfinished):
        cord.await_cleanup(api, receipt, seconds=0)


def test_the_card_alone_revokes(service: FakeService, api: Api) -> None:
    service.answers["POST", "/v1/revocation-cards/redeem"] = [
        httpx.Response(200, json=RECEIPT, headers={"Tripcord-Receipt": "tc_receipt_y"})
    ]
    receipt = cord.redeem_card(api, Secret("tc_card_x"))
    assert receipt.revocation_id == UUID(int=3)
    assert service.sent("/v1/revocation-cards/redeem") == {"card": "tc_card_x"}
    assert not {"Authorization", "DPoP"} & service.requests[-1].headers.keys()


def test_the_log_is_read_page_by_page(service: FakeService, phone: Phone, api: Api) -> None:
    receipt = pull(service, phone)
    service.will(
        "GET",
        "/v1/access-log",
        {"items": [{"position": 1}], "cursor": "a"},
        {"items": [{"position": 2}], "cursor": "b"},
        {"items": [], "cursor": "b"},
    )
    assert cord.read_log(api, receipt.auth) == [{"position": 1}, {"position": 2}]
    cursors = [r.url.params.get("cursor") for r in service.requests[-3:]]
    assert cursors == [None, "a", "b"]


def test_one_tap_is_one_request_and_carries_the_receipt(service: FakeService, phone: Phone) -> None:
    incident = {"incident_id": str(UUID(int=9)), "kind": "device_lost"}
    path = f"/v1/devices/{UUID(int=5)}/lost"
    service.answers["POST", path] = [
        httpx.Response(
            200,
            json={"incident": incident, "receipt": RECEIPT},
            headers={"Tripcord-Receipt": "tc_receipt_z"},
        )
    ]
    reported = phone.report_lost(UUID(int=5))
    assert reported.incident == incident
    assert reported.receipt is not None
    assert reported.receipt.capability.reveal() == "tc_receipt_z"
    path = f"/v1/sessions/{UUID(int=6)}/not-me"
    service.will("POST", path, {"incident": incident, "receipt": None})
    assert phone.not_me(UUID(int=6)).receipt is None
