"""Scripted faults of mail, as the standard library's client and a mailbox meet them."""

import smtplib
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mock_push.oauth.accounts import ServiceAccount
from mock_push.tls import Identity
from tests.mock_push.mailing import connect, know_sender, post
from tests.mock_push.support import RunningMock

ANA = "ana@example.org"


@pytest.fixture(scope="module")
def shared(
    account_file: Path, account: ServiceAccount, identity: Identity
) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account, identity=identity)
    know_sender(running)
    yield running
    running.close()


@pytest.fixture
def mock(shared: RunningMock) -> Iterator[RunningMock]:
    yield shared
    shared.http.delete("/mock/faults")


def subject(name: str) -> bytes:
    return f"Subject: {name}\r\n\r\nx\r\n".encode()


def subjects(mock: RunningMock, address: str, wait: float = 0) -> list[str]:
    return [mail["subject"] for mail in mock.mails(address, wait=wait)]


def test_without_starttls_the_client_gives_up(mock: RunningMock) -> None:
    fault = mock.fault("smtp", "no_starttls", times=1)
    with connect(mock) as client:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.starttls()
        assert client.docmd("STARTTLS")[0] == 502
    assert mock.counts(fault) == (1, 1)
    post(mock)


def test_a_right_login_is_refused(mock: RunningMock) -> None:
    fault = mock.fault("smtp", "auth_refused", times=2)  # the client tries PLAIN, then LOGIN
    with pytest.raises(smtplib.SMTPAuthenticationError):
        post(mock)
    assert mock.counts(fault) == (2, 2)
    post(mock)


def test_421_greets_everybody_or_answers_one_recipient(mock: RunningMock) -> None:
    mock.fault("smtp", "service_unavailable", times=1)
    with pytest.raises(smtplib.SMTPConnectError) as greeted:
        connect(mock)
    assert greeted.value.smtp_code == 421
    mock.fault("smtp", "service_unavailable", target="Ana@Example.org", times=1)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        post(mock, ANA)
    assert refused.value.recipients[ANA][0] == 421
    post(mock, ANA)


@pytest.mark.parametrize(
    ("kind", "code"), [(("smtp", "mailbox_busy"), 450), (("smtp", "no_such_mailbox"), 550)]
)
def test_one_recipient_is_refused_and_the_other_served(
    mock: RunningMock, kind: tuple[str, str], code: int
) -> None:
    address = f"to{code}@example.org"
    mock.fault(*kind, target=address)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        post(mock, address)
    assert refused.value.recipients[address][0] == code
    post(mock, address, f"other{code}@example.org")
    assert len(mock.mails(f"other{code}@example.org")) == 1
    assert mock.mails(address) == []


@pytest.mark.parametrize("target", [None, ANA])
def test_a_slow_answer_is_right_in_the_end(mock: RunningMock, target: str | None) -> None:
    mock.fault("smtp", "slow", target=target, seconds=0.4, times=1)
    started = monotonic()
    post(mock, ANA)
    assert monotonic() - started >= 0.4


def test_a_hang_lasts_until_the_sender_gives_up(mock: RunningMock) -> None:
    fault = mock.fault("smtp", "hang", times=1)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        connect(mock, timeout=0.4)
    assert mock.counts(fault) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "order"), [(("smtp", "hang"), {"seconds": 0.2}), (("smtp", "reset"), {})]
)
def test_the_line_is_cut_at_the_recipient(
    mock: RunningMock, kind: tuple[str, str], order: dict[str, Any]
) -> None:
    mock.fault(*kind, target=ANA, times=1, **order)
    before = len(mock.mails(ANA))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        post(mock, ANA)
    assert len(mock.mails(ANA)) == before


def test_a_reset_at_the_door(mock: RunningMock) -> None:
    mock.fault("smtp", "reset", times=1)
    with pytest.raises((ConnectionResetError, smtplib.SMTPServerDisconnected)):
        connect(mock)


def test_a_lost_reply_leaves_the_mail_taken(mock: RunningMock) -> None:
    mock.fault("smtp", "lost_reply", target="lost@example.org", times=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        post(mock, "lost@example.org", content=subject("once"))
    assert subjects(mock, "lost@example.org") == ["once"]


def test_a_mail_is_doubled_or_dropped(mock: RunningMock) -> None:
    mock.fault("smtp", "duplicate", target="double@example.org", times=1)
    mock.fault("smtp", "drop", target="gone@example.org", times=1)
    post(mock, "double@example.org", "gone@example.org", content=subject("a"))
    post(mock, "double@example.org", "gone@example.org", content=subject("b"))
    assert subjects(mock, "double@example.org") == ["a", "a", "b"]
    assert subjects(mock, "gone@example.org") == ["b"]


def test_mails_change_places(mock: RunningMock) -> None:
    mock.fault("smtp", "reorder", target="order@example.org", times=1)
    for name in "ab":
        post(mock, "order@example.org", content=subject(name))
    assert subjects(mock, "order@example.org") == ["b", "a"]


def test_a_delayed_mail_reaches_a_reader_that_waits(mock: RunningMock) -> None:
    mock.fault("smtp", "delay", target="late@example.org", seconds=0.5)
    post(mock, "late@example.org", content=subject("late"))
    assert subjects(mock, "late@example.org") == []
    assert subjects(mock, "late@example.org", wait=20) == ["late"]


def test_a_mailbox_that_cannot_be_reached_has_everything_afterwards(mock: RunningMock) -> None:
    fault = mock.fault("smtp", "offline", target="away@example.org")
    for name in "ab":
        post(mock, "away@example.org", content=subject(name))
    assert subjects(mock, "away@example.org") == []
    mock.clear(fault)
    assert subjects(mock, "away@example.org") == ["a", "b"]
