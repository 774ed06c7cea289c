"""A sender of mail: the standard library's client, logged in at the mock."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from mock_push.mail.accounts import SmtpAccount, digest
from tests.mock_push.support import RunningMock

USERNAME = "tripcord"
PASSWORD = "correct horse battery staple 1234"
SENDER = "no-reply@tripcord.test"
MAIL = (
    "From: Tripcord <no-reply@tripcord.test>\r\nTo: ana@example.org\r\n"
    "Subject: =?utf-8?q?New_sign-in_=E2=9C=93?=\r\nAuto-Submitted: auto-generated\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Firefox on Linux, Zürich.\r\n.\r\n..and a line of dots\r\n"
).encode()


def know_sender(mock: RunningMock) -> None:
    mock.world.smtp_accounts.add(SmtpAccount(username=USERNAME, password_digest=digest(PASSWORD)))


def address(mock: RunningMock) -> tuple[str, int]:
    host, _, port = str(mock.world.addresses.smtp).rpartition(":")
    return host, int(port)


def trusting(mock: RunningMock) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(mock.world.addresses.authority_file))


def connect(mock: RunningMock, *, timeout: float = 10) -> smtplib.SMTP:
    return smtplib.SMTP(*address(mock), timeout=timeout)


@contextmanager
def logged_in(mock: RunningMock) -> Iterator[smtplib.SMTP]:
    client = connect(mock)
    try:
        client.starttls(context=trusting(mock))
        client.login(USERNAME, PASSWORD)
        yield client
    finally:
        client.close()


def post(mock: RunningMock, *recipients: str, content: bytes = MAIL) -> None:
    with logged_in(mock) as client:
        client.sendmail(SENDER, recipients or ["ana@example.org"], content, ["BODY=8BITMIME"])


@contextmanager
def raw(mock: RunningMock) -> Iterator[socket.socket]:
    """A bare connection, its greeting read."""
    with socket.create_connection(address(mock), timeout=10) as line:
        assert line.recv(1024).startswith(b"220 ")
        yield line


def talk(line: socket.socket, sent: bytes) -> bytes:
    """Send a line and return the reply, whole."""
    line.sendall(sent)
    reply = b""
    while not reply.endswith(b"\r\n") or reply.splitlines()[-1][3:4] == b"-":
        got = line.recv(4096)
        if not got:
            break
        reply += got
    return reply
