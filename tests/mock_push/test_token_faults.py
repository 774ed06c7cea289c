"""Scripted faults of the token endpoint, as the SDK meets them."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import firebase_admin
import httpx
import pytest
from firebase_admin import messaging
from google.auth.exceptions import RefreshError

from mock_push.oauth.accounts import ServiceAccount
from tests.mock_push.support import RunningMock, make_sdk
from tests.mock_push.test_delivery import ring


@pytest.fixture(scope="module")
def shared(account_file: Path, account: ServiceAccount) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account)
    yield running
    running.close()


@pytest.fixture
def mock(shared: RunningMock) -> Iterator[RunningMock]:
    yield shared
    shared.http.delete("/mock/faults")


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        (("token", "internal"), 500, "internal_failure"),
        (("token", "unavailable"), 503, "backend_error"),
        (("token", "invalid_grant"), 400, "invalid_grant"),
    ],
)
def test_the_token_endpoint_fails_when_told(
    mock: RunningMock, kind: tuple[str, str], status: int, error: str
) -> None:
    email = mock.account_info["client_email"]
    fault = mock.fault(*kind, target=email, times=1)
    reply = mock.ask_token(mock.assertion())
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert mock.counts(fault) == (1, 1)
    assert mock.ask_token(mock.assertion()).status_code == 200


def test_the_token_endpoint_says_when_to_come_again(mock: RunningMock) -> None:
    mock.fault("token", "unavailable", retry_after_seconds=9)
    assert mock.ask_token(mock.assertion()).headers["retry-after"] == "9"


def test_a_disabled_account_stops_the_sdk(mock: RunningMock) -> None:
    mock.fault("token", "invalid_grant")
    app = make_sdk(mock.account_info, mock.url)
    try:
        with pytest.raises(RefreshError, match="account disabled"):
            messaging.send(ring(mock.phone(), "r"), app=app)
    finally:
        firebase_admin.delete_app(app)


def test_a_slow_token_endpoint_is_right_in_the_end(mock: RunningMock) -> None:
    mock.fault("token", "slow", seconds=0.4, times=1)
    started = monotonic()
    assert mock.access_token()
    assert monotonic() - started >= 0.4


@pytest.mark.parametrize(
    ("kind", "order"), [(("token", "hang"), {"seconds": 0.2}), (("token", "reset"), {})]
)
def test_the_token_endpoint_cuts_the_line(
    mock: RunningMock, kind: tuple[str, str], order: dict[str, Any]
) -> None:
    mock.fault(*kind, times=1, **order)
    with pytest.raises(httpx.NetworkError):
        mock.ask_token(mock.assertion())
