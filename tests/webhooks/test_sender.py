"""One request to a stranger: over TLS we can trust, once, and whatever comes back is a number."""

import ssl
from pathlib import Path

import pytest

from app.webhooks.models import Result, Verdict
from app.webhooks.sender import MAX_ANSWER_BYTES, Sender
from tests.egress.scripted import self_signed
from tests.webhooks.receiving import Answer, Server, receiving

HEADERS = {"Content-Type": "application/secevent+jwt", "webhook-id": "1"}


async def send(
    server: Server, tls: ssl.SSLContext | None = None, timeout_seconds: float = 15.0
) -> Verdict:
    scheme = "http" if tls is None else "https"
    sender = Sender(loopback=True, tls=tls, timeout_seconds=timeout_seconds)
    verdict = await sender.post(f"{scheme}://localhost:{server.port}/hook?a=b", HEADERS, b"body")
    await sender.close()
    return verdict


async def test_it_arrives_over_tls_as_it_was_made(tmp_path: Path) -> None:
    server_tls, authority = self_signed(tmp_path)
    async with receiving(tls=server_tls) as server:
        assert await send(server, authority) == Verdict(Result.TAKEN, "202")
        (delivery,) = server.deliveries
    assert delivery.head == "POST /hook?a=b HTTP/1.1"
    assert delivery.body == b"body"
    assert delivery.headers["content-type"] == "application/secevent+jwt"
    assert "cookie" not in delivery.headers
    assert "authorization" not in delivery.headers


async def test_a_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    server_tls, _ = self_signed(tmp_path)
    async with receiving(tls=server_tls) as server:
        verdict = await send(server, ssl.create_default_context())
        assert verdict == Verdict(Result.FAILED, "ClientConnectorCertificateError")
        assert server.deliveries == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    async with receiving() as elsewhere:
        there = f"http://127.0.0.1:{elsewhere.port}/"
        async with receiving(Answer(status, location=there)) as server:
            assert await send(server) == Verdict(Result.FAILED, str(status))
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.TAKEN), (204, Result.TAKEN), (299, Result.TAKEN), (400, Result.FAILED),
     (404, Result.FAILED), (410, Result.GONE), (429, Result.FAILED), (500, Result.FAILED)],
)  # fmt: skip
async def test_the_status_decides(status: int, result: Result) -> None:
    async with receiving(Answer(status)) as server:
        assert await send(server) == Verdict(result, str(status))


async def test_a_long_answer_is_not_read() -> None:
    size = 64 << 20
    async with receiving(Answer(200, body=b"x" * size)) as server:
        assert (await send(server)).result is Result.TAKEN
        assert server.written < size / 4
    assert MAX_ANSWER_BYTES == 4096


async def test_a_server_that_hangs_is_left() -> None:
    async with receiving(Answer(200, delay_seconds=30)) as server:
        assert await send(server, timeout_seconds=0.3) == Verdict(Result.FAILED, "TimeoutError")


async def test_one_that_hangs_up_or_is_not_there_is_a_failure() -> None:
    async with receiving() as server:
        pass
    verdict = await send(server)
    assert verdict == Verdict(Result.FAILED, "ClientConnectorError")
