"""The transport goes to the pinned host and nowhere else, once, and tells no log what it bore."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from app.egress import transport as module
from app.egress.errors import AnswerLost, NotSent, ReleaseRefused
from app.egress.routes import Route, all_routes, route_of
from app.egress.transport import Transport
from app.exchanges.venues import VENUES, Venue
from tests.egress.scripted import Script, reply, self_signed, serving

CANARY = "5ecre75ecre75ecre7"
PATH = f"/api/v3/order?quantity=0.01&symbol=BTC%20USDT&signature={CANARY}"


@asynccontextmanager
async def transport(
    port: int, *, tls: ssl.SSLContext | None = None, **changes: object
) -> AsyncIterator[Transport]:
    route = all_routes(f"http://127.0.0.1:{port}")["sandbox"]
    made = Transport(msgspec.structs.replace(route, **changes), tls=tls)
    try:
        yield made
    finally:
        await made.close()


async def test_a_request_leaves_byte_for_byte_as_it_was_signed() -> None:
    async with serving(lambda _: reply("200 OK", b'{"a":1}')) as venue, transport(venue.port) as t:
        answer = await t.send("GET", PATH, (("X-MBX-APIKEY", "key"),), b"")
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    (request,) = venue.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == f"GET {PATH} HTTP/1.1"
    names = {line.split(":")[0].lower() for line in lines[1:] if line}
    assert names == {"host", "user-agent", "accept-encoding", "x-mbx-apikey"}


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with (
        serving(lambda _: reply("200 OK")) as elsewhere,
        serving(
            lambda _: reply("307 Go", b"", f"Location: http://127.0.0.1:{elsewhere.port}{PATH}")
        ) as venue,
        transport(venue.port) as t,
    ):
        answer = await t.send("GET", PATH, (), b"")
        assert answer.status == 307
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "path", ["@evil.example/api", ".evil.example/", "", "/a b", "/a\r\nX: y", "/a#b", "/é", "\\x"]
)
async def test_no_path_leads_to_another_host(path: str) -> None:
    async with serving(lambda _: reply("200 OK")) as venue, transport(venue.port) as t:
        with pytest.raises(ReleaseRefused):
            await t.send("GET", path, (), b"")
        assert venue.connections == 0


async def test_two_slashes_are_a_path_and_no_host() -> None:
    async with serving(lambda _: reply("200 OK")) as venue, transport(venue.port) as t:
        await t.send("GET", "//evil.example/", (), b"")
    assert venue.requests[0].startswith(b"GET //evil.example/ HTTP/1.1")


async def test_a_venue_that_resolves_to_a_private_address_is_not_connected_to() -> None:
    async with serving(lambda _: reply("200 OK")) as venue:
        row = msgspec.structs.replace(VENUES["binance"], base_url=f"https://localhost:{venue.port}")
        t = Transport(route_of(row))
        with pytest.raises(NotSent):
            await t.send("GET", PATH, (), b"")
        await t.close()
        assert venue.connections == 0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
     "224.0.0.1", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
     "2002:7f00:1::"],
)  # fmt: skip
def test_only_public_addresses_are_a_venue(address: str) -> None:
    route = all_routes(None)["binance"]
    assert not route.may_connect(address)
    assert route.may_connect("8.8.8.8")
    assert route.may_connect("2606:4700::1111")


def test_the_sandbox_is_on_loopback_and_nowhere_else() -> None:
    route = all_routes("http://127.0.0.1:8081")["sandbox"]
    assert route.may_connect("127.0.0.1")
    assert not route.may_connect("8.8.8.8")
    assert "sandbox" not in all_routes(None)
    with pytest.raises(ValueError, match="loopback"):
        all_routes("http://sandbox.example:8081")


@pytest.mark.parametrize(
    "url",
    ["http://api.example", "https://127.0.0.1", "https://[::1]:9", "https://a.example/path",
     "https://user@a.example", "api.example", ""],
)  # fmt: skip
def test_other_venues_are_https_to_a_name(url: str) -> None:
    row: Venue = msgspec.structs.replace(VENUES["binance"], base_url=url)
    with pytest.raises(ValueError, match="binance"):
        route_of(row)


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server_tls, authority = self_signed(tmp_path)
    async with serving(lambda _: reply("200 OK"), server_tls) as venue:
        base = f"https://localhost:{venue.port}"
        async with transport(venue.port, base=base) as t:
            with pytest.raises(NotSent, match="Certificate"):
                await t.send("GET", PATH, (), b"")
        assert venue.requests == []
        # The same connection is fine once its certificate is vouched for: that was the reason.
        async with transport(venue.port, base=base, tls=authority) as t:
            assert (await t.send("GET", PATH, (), b"")).status == 200


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server_tls, authority = self_signed(tmp_path)
    async with (
        serving(lambda _: reply("200 OK"), server_tls) as venue,
        transport(venue.port, base=f"https://127.0.0.1:{venue.port}", tls=authority) as t,
    ):
        with pytest.raises(NotSent, match="Certificate"):
            await t.send("GET", PATH, (), b"")
        assert venue.requests == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_request_whose_kept_open_connection_breaks_is_not_repeated(method: str) -> None:
    answers = iter([reply("200 OK"), None])
    async with serving(lambda _: next(answers)) as venue, transport(venue.port) as t:
        await t.send("GET", "/first", (), b"")
        with pytest.raises(AnswerLost):
            await t.send(method, PATH, (), b"")
        assert len(venue.requests) == 2
        assert venue.connections == 1, "the second went over the connection of the first"


async def test_an_answer_beyond_the_limit_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1000)
    async with serving(lambda _: reply("200 OK", bytes(1001))) as venue, transport(venue.port) as t:
        with pytest.raises(AnswerLost, match="too_long"):
            await t.send("GET", PATH, (), b"")


async def test_an_answer_that_trickles_meets_the_deadline() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    async with serving(lambda _: head) as venue, transport(venue.port, answer_seconds=0.2) as t:
        async with asyncio.timeout(5):
            with pytest.raises(AnswerLost, match="Timeout"):
                await t.send("GET", PATH, (), b"")


async def test_without_a_connection_nothing_was_sent() -> None:
    async with serving(lambda _: reply("200 OK")) as venue:
        port = venue.port
    async with transport(port) as t:
        with pytest.raises(NotSent):
            await t.send("POST", "/api/v3/order", (), CANARY.encode())


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(lambda _: reply("200 OK")) as venue, transport(venue.port) as t:
        assert (await t.send("GET", PATH, (), b"")).status == 200


async def test_a_cookie_is_not_kept() -> None:
    async with (
        serving(lambda _: reply("200 OK", b"{}", "Set-Cookie: a=b")) as venue,
        transport(venue.port) as t,
    ):
        for _ in range(2):
            await t.send("GET", PATH, (), b"")
    assert b"cookie" not in venue.requests[1].lower()


async def test_nothing_signed_reaches_a_log_or_an_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    scripts: list[Script] = [
        lambda _: reply("200 OK"),
        lambda _: None,
        lambda _: b"nonsense\r\n\r\n",
        lambda _: reply("302 Go", b"", f"Location: ftp://x/{CANARY}"),
    ]
    said = []
    for script in scripts:
        async with serving(script) as venue, transport(venue.port) as t:
            try:
                said.append(repr(await t.send("GET", PATH, (("X", CANARY),), CANARY.encode())))
            except (NotSent, AnswerLost) as lost:
                said.append(f"{lost!r} {lost.reason} {lost.__cause__!r}")
    async with transport(venue.port) as t:
        with pytest.raises(NotSent) as refused:
            await t.send("GET", PATH, (("X", CANARY),), CANARY.encode())
        said.append(repr(refused.value))
        said.append(repr(t.route))
    assert len(said) == 6
    assert CANARY not in caplog.text
    assert CANARY not in " ".join(said)


def test_the_route_of_binance_is_pinned_in_code() -> None:
    route: Route = all_routes(None)["binance"]
    assert route.base == "https://api.binance.com"
    assert (route.loopback, route.connect_seconds, route.answer_seconds) == (False, 2, 10)
