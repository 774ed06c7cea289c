"""The page, the state it shows, and who may ask for it."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from time import monotonic, sleep
from typing import Any

import pytest

from mock_push.oauth.accounts import ServiceAccount
from tests.mock_push.chatting import BotClient
from tests.mock_push.support import RunningMock

PAGE = Path(__file__).parents[2] / "mock_push" / "page"


@pytest.fixture(scope="module")
def shared(account_file: Path, account: ServiceAccount) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account, seed=7)
    yield running
    running.close()


@pytest.fixture
def mock(shared: RunningMock) -> Iterator[RunningMock]:
    yield shared
    shared.http.delete("/mock/faults")


def state(mock: RunningMock, **query: float) -> dict[str, Any]:
    reply = mock.http.get("/mock/state", params=query)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_the_page_loads_nothing_from_elsewhere_and_no_inline_code(mock: RunningMock) -> None:
    reply = mock.http.get("/")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    linked = re.findall(r'(?:src|href)="([^"]+)"', reply.text)
    assert sorted(linked) == ["/page/page.css", "/page/page.js"]
    for path in linked:
        assert mock.http.get(path).headers["x-content-type-options"] == "nosniff"
    whole = "".join(path.read_text() for path in PAGE.iterdir())
    assert not re.search(r"https?://|url\(|style=|onclick|innerHTML", whole)


def test_no_other_file_is_served(mock: RunningMock) -> None:
    for name in ("x", "..%2fserver.py", "page.py"):
        assert mock.http.get(f"/page/{name}").status_code == 404


def test_the_state_has_every_receiver_fault_and_event(mock: RunningMock) -> None:
    phone, chat_id = mock.phone(), BotClient(mock).met(start="c")
    mock.fault("fcm", "offline", target=phone)
    assert mock.send({"message": {"fid": phone, "data": {"rid": "r1"}}}).is_success
    fault = mock.fault("fcm", "unavailable", times=1)
    assert mock.send({"message": {"fid": phone}}).status_code == 503
    found = state(mock)
    assert (found["seed"], found["addresses"]["http"]) == (7, mock.url)
    receivers = {receiver["target"]: receiver for receiver in found["receivers"]}
    assert receivers[phone]["away"] is True
    assert receivers[phone]["stored"] == 1
    assert receivers[str(chat_id)]["channel"] == "telegram"
    [shown] = [item for item in found["faults"] if item["fault_id"] == fault]
    assert (shown["fired"], shown["met"], shown["in_force"]) == (1, 1, False)
    struck, _, accepted = found["events"][:3]
    assert (struck["what"], struck["summary"]) == ("fault", f"unavailable ({fault})")
    assert (accepted["what"], accepted["summary"]) == ("accepted", "rid=r1")
    assert accepted["content"]["data"] == {"rid": "r1"}


def test_the_page_learns_of_a_change_at_once(mock: RunningMock) -> None:
    known = state(mock)["version"]
    found: Queue[dict[str, Any]] = Queue()
    waiting = threading.Thread(target=lambda: found.put(state(mock, known=known, wait=20)))
    waiting.start()
    while not mock.world.journal._waiters.count:
        sleep(0.005)
    started = monotonic()
    mock.fault("fcm", "drop")
    assert found.get(timeout=10)["version"] > known
    assert monotonic() - started < 5
    waiting.join()


def test_nothing_new_ends_the_wait_empty_handed(mock: RunningMock) -> None:
    known = state(mock)["version"]
    assert state(mock, known=known, wait=0.2)["version"] == known
    assert mock.http.get("/mock/state", params={"wait": "26"}).status_code == 400


def test_clearing_says_how_the_fault_stood(mock: RunningMock) -> None:
    fault = mock.fault("fcm", "unavailable", share=0.5, retry_after_seconds=3)
    for _ in range(4):
        mock.send({"message": {"fid": mock.phone()}})
    stood = mock.clear(fault)
    assert (stood["met"], stood["in_force"]) == (4, False)
    assert mock.http.delete(f"/mock/faults/{fault}").status_code == 404
    mock.fault("fcm", "drop")
    cleared = mock.http.delete("/mock/faults").json()
    assert [item["kind"] for item in cleared["items"]] == ["drop"]
    assert mock.http.get("/mock/faults").json() == {"seed": 7, "items": []}


@pytest.mark.parametrize(
    "order",
    [
        {"channel": "fcm"},
        {"channel": "fax", "kind": "drop"},
        {"channel": "fcm", "kind": "explode"},
        {"channel": "fcm", "kind": "drop", "share": 0},
        {"channel": "fcm", "kind": "drop", "share": 1.1},
        {"channel": "fcm", "kind": "drop", "times": 0},
        {"channel": "fcm", "kind": "slow", "seconds": 3601},
        {"channel": "fcm", "kind": "drop", "colour": "red"},
    ],
)
def test_an_impossible_fault_is_refused(mock: RunningMock, order: dict[str, object]) -> None:
    reply = mock.http.post("/mock/faults", json=order)
    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert mock.http.get("/mock/faults").json()["items"] == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_can_set_nothing(mock: RunningMock, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    reply = mock.http.post("/mock/phones", json={"kind": "fid"}, headers=headers)
    assert reply.status_code == 403
    assert mock.http.get("/mock/state", headers=headers).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin"}
    assert mock.http.get("/mock/state", headers=own).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "0.0.0.0"])  # noqa: S104
def test_a_name_that_was_made_to_lead_here_reads_nothing(mock: RunningMock, host: str) -> None:
    for path in ("/mock/state", "/"):
        assert mock.http.get(path, headers={"Host": host}).status_code == 403
    assert mock.http.get("/mock/state", headers={"Host": "[::1]:8085"}).status_code == 200
