"""Mail: login under TLS, nothing smuggled, and a box for every address."""

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_push.oauth.accounts import ServiceAccount
from mock_push.tls import Identity
from tests.mock_push.mailing import (
    MAIL,
    PASSWORD,
    SENDER,
    USERNAME,
    connect,
    know_sender,
    logged_in,
    post,
    raw,
    talk,
    trusting,
)
from tests.mock_push.support import RunningMock


@pytest.fixture(scope="module")
def mock(account_file: Path, account: ServiceAccount, identity: Identity) -> Iterator[RunningMock]:
    running = RunningMock(account_file, account, identity=identity)
    know_sender(running)
    yield running
    running.close()


def test_a_mail_is_read_as_a_person_reads_it(mock: RunningMock) -> None:
    post(mock, "Ana@Example.org")
    [mail] = mock.mails("ana@example.org")
    assert mail["subject"] == "New sign-in ✓"
    assert mail["text"].splitlines() == ["Firefox on Linux, Zürich.", ".", "..and a line of dots"]
    assert mail["html"] is None
    assert mail["sender"] == SENDER
    assert mail["recipients"] == ["Ana@Example.org"]
    assert ["Auto-Submitted", "auto-generated"] in mail["headers"]
    assert (mail["account"], mail["tls"]) == (USERNAME, "TLSv1.3")


def test_both_forms_of_a_mail_are_shown(mock: RunningMock) -> None:
    content = (
        b"Subject: two\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n"
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\n"
        b"Content-Type: text/html\r\n\r\n<b>rich</b>\r\n--b--\r\n"
    )
    post(mock, "both@example.org", content=content)
    [mail] = mock.mails("both@example.org")
    assert (mail["text"].strip(), mail["html"].strip()) == ("plain", "<b>rich</b>")


def test_a_mail_nobody_can_decode_is_still_there(mock: RunningMock) -> None:
    content = b"Subject: odd\r\nContent-Type: text/plain; charset=martian\r\n\r\nhello\r\n"
    post(mock, "odd@example.org", content=content)
    assert "hello" in mock.mails("odd@example.org")[0]["text"]


def test_every_recipient_has_a_copy_and_nobody_two(mock: RunningMock) -> None:
    post(mock, "one@example.org", "two@example.org", "ONE@example.org")
    [first], [second] = (mock.mails(f"{name}@example.org") for name in ("one", "two"))
    assert first["queue_id"] == second["queue_id"]


def test_a_mailbox_can_be_waited_for(mock: RunningMock) -> None:
    post(mock, "later@example.org")
    [first] = mock.mails("later@example.org", wait=20)
    assert mock.mails("later@example.org", after=first["n"], wait=0.2) == []


def test_an_authority_that_is_not_trusted_ends_it(mock: RunningMock) -> None:
    with connect(mock) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=ssl.create_default_context())


def test_login_is_not_offered_in_clear(mock: RunningMock) -> None:
    with connect(mock) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 538
        assert client.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 530


def test_mail_needs_a_login(mock: RunningMock) -> None:
    with connect(mock) as client:
        client.starttls(context=trusting(mock))
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 530


@pytest.mark.parametrize(
    ("username", "password"),
    [(USERNAME, "wrong"), ("nobody", PASSWORD), ("../smtp-accounts/tripcord", PASSWORD), ("", "")],
)
def test_a_wrong_login_is_refused(mock: RunningMock, username: str, password: str) -> None:
    with connect(mock) as client:
        client.starttls(context=trusting(mock))
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login(username, password)
        assert refused.value.smtp_code == 535


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_both_mechanisms_work(mock: RunningMock, mechanism: str) -> None:
    with connect(mock) as client:
        client.starttls(context=trusting(mock))
        client.ehlo()
        client.user, client.password = USERNAME, PASSWORD
        name = mechanism.removeprefix("auth_").upper()
        assert client.auth(name, getattr(client, mechanism))[0] == 235
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 503


@pytest.mark.parametrize("argument", ["PLAIN !", "PLAIN AGE=", "PLAIN *", "CRAM-MD5", "PLAIN gICA"])
def test_an_unreadable_login_is_refused(mock: RunningMock, argument: str) -> None:
    with connect(mock) as client:
        client.starttls(context=trusting(mock))
        client.ehlo()
        assert client.docmd("AUTH", argument)[0] in (501, 504)


def test_what_was_said_in_clear_before_tls_is_never_acted_on(mock: RunningMock) -> None:
    with raw(mock) as line:
        talk(line, b"EHLO x\r\n")
        assert talk(line, b"STARTTLS\r\nNOOP\r\nNOOP\r\n").startswith(b"220 ")
        with trusting(mock).wrap_socket(line, server_hostname="localhost") as tls:
            assert talk(tls, b"QUIT\r\n") == b"221 2.0.0 Bye\r\n"


def test_what_was_learnt_in_clear_is_forgotten(mock: RunningMock) -> None:
    with connect(mock) as client:
        client.ehlo()
        client.docmd("STARTTLS")
        assert client.sock is not None
        client.sock = trusting(mock).wrap_socket(client.sock, server_hostname="localhost")
        client.file = None
        client.user, client.password = USERNAME, PASSWORD
        client.auth("PLAIN", client.auth_plain)
        assert client.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 503


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"Subject: x\r\n\r\na\n.\nMAIL FROM:<evil@x>\r\n.\r\n", 554),
        (b"Subject: x\r\n\r\na\n.\r\nb\r\n.\r\n", 554),
        (b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 8 + b"\r\n.\r\n", 250),
    ],
)
def test_a_mail_ends_at_its_own_line_and_nowhere_else(
    mock: RunningMock, content: bytes, code: int
) -> None:
    with logged_in(mock) as client:
        client.ehlo()
        client.docmd("MAIL", f"FROM:<{SENDER}>")
        client.docmd("RCPT", f"TO:<end{code}@example.org>")
        client.docmd("DATA")
        client.send(content)
        assert client.getreply()[0] == code
        assert client.noop()[0] == 250
    assert len(mock.mails(f"end{code}@example.org")) == (code == 250)


def test_a_mail_over_the_limit_is_refused_and_the_next_is_taken(mock: RunningMock) -> None:
    big = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 1100
    with logged_in(mock) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail(SENDER, ["big@example.org"], big)
        assert refused.value.smtp_code == 552
        client.ehlo()
        client.docmd("MAIL", f"FROM:<{SENDER}>")
        client.docmd("RCPT", "TO:<big@example.org>")
        assert client.data(big)[0] == 552
        client.sendmail(SENDER, ["big@example.org"], MAIL, ["BODY=8BITMIME"])
    assert len(mock.mails("big@example.org")) == 1


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("VRFY ana", 502),
        ("RCPT TO:<a@b.c>", 503),
        ("DATA", 503),
        ("MAIL FROM:a@b.c", 501),
        ("MAIL FROM:<a b@c.d>", 501),
        ("MAIL FROM:<ab.c>", 501),
        ("MAIL FROM:<a@b.c> X=1", 555),
        ("MAIL FROM:<a@b.c> SIZE=99999999", 552),
        ("MAIL FROM:<>", 250),
        ("RSET", 250),
    ],
)
def test_a_command_out_of_place_is_refused(mock: RunningMock, command: str, code: int) -> None:
    with logged_in(mock) as client:
        client.ehlo()
        verb, _, argument = command.partition(" ")
        assert client.docmd(verb, argument)[0] == code
        assert client.noop()[0] == 250


def test_a_line_without_end_ends_the_dialogue(mock: RunningMock) -> None:
    with raw(mock) as line:
        line.sendall(b"x" * 9000)
        assert line.recv(1024) == b""


def test_what_is_not_readable_is_refused(mock: RunningMock) -> None:
    with raw(mock) as line:
        assert talk(line, b"\xff\xfe\r\n").startswith(b"500 ")


def test_going_down_ends_a_dialogue(
    account_file: Path, account: ServiceAccount, identity: Identity
) -> None:
    own = RunningMock(account_file, account, identity=identity)
    with raw(own) as line:
        own.close()
        assert line.recv(1024) == b""
