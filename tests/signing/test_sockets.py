"""Verbs on a Unix socket: whose, how long, and what crosses of a refusal and of a fault."""

import asyncio
import logging
import os
import struct
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.verbs.answers import SignerStatus
from app.verbs.client import VerbClient
from app.verbs.errors import PeerUnavailable, RefusedByPeer
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import (
    MAX_FRAME_BYTES,
    CleanUp,
    CourierVerb,
    ReadReply,
    Status,
    VenueAnswer,
    VenueRead,
)

STATUS = SignerStatus(
    ready=True, courier_connected=False, hsm_module="m", not_enforced=(), identity_jwk={},
    identity_jkt="i", checkpoint_jwk={}, checkpoint_jkt="c", issuer_jwk={}, issuer_kid="k",
)  # fmt: skip
START: dict[str, Any] = {"allowed_uids": {own_uid()}}


class Refused(DomainError):
    code = "refused_in_test"
    sentence = "No."


class Peer:
    """A server whose answers a test sets; `heard` is what came."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path, self.heard = path, []  # type: ignore[var-annotated]
        self.answer: Callable[[Any], Any] = lambda _: ReadReply(state="x")
        handlers: dict[Any, Any] = {
            Status: self._status, VenueRead: self._hear, CleanUp: self._hear,
        }  # fmt: skip
        self.server = VerbServer(path, CourierVerb, handlers, **{**START, **options})

    async def _status(self, _: Status) -> SignerStatus:
        return STATUS

    async def _hear(self, request: Any) -> Any:
        self.heard.append(request)
        result = self.answer(request)
        return await result if asyncio.iscoroutine(result) else result


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        running = Peer(Path(folder) / "s")
        await running.server.start()
        yield running
        await running.server.stop()


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[VerbClient]:
    made = VerbClient(peer.path, call_seconds=1)
    yield made
    made.close()
    await asyncio.sleep(0)


def read(**fields: Any) -> VenueRead:
    return VenueRead(trader_id=new_id(), credential_id=new_id(), what="balances", **fields)


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def call(request: Any, number: int = 1) -> bytes:
    return frame(msgspec.msgpack.encode({"id": number, "request": request}))


async def after(peer: Peer, raw: bytes) -> bytes:
    """What a connection says when these bytes were written to it, until it is closed or idle."""
    reader, writer = await asyncio.open_unix_connection(str(peer.path))
    writer.write(raw)
    try:
        return await asyncio.wait_for(reader.read(), 0.3)
    except TimeoutError:
        return b"open"
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_many_calls_share_a_connection_and_each_gets_its_own_answer(
    peer: Peer, client: VerbClient
) -> None:
    async def slowly(request: VenueRead) -> ReadReply:
        await asyncio.sleep(0.001 * (request.trader_id.int % 7))
        return ReadReply(state=str(request.trader_id))

    peer.answer = slowly
    requests = [read() for _ in range(50)]
    replies = await asyncio.gather(*(client.call(request) for request in requests))
    assert [reply.state for reply in replies] == [str(r.trader_id) for r in requests]
    assert await client.call(Status()) == STATUS


async def test_bytes_cross_as_they_are(peer: Peer, client: VerbClient) -> None:
    request = read(answer=VenueAnswer(200, bytes(range(256)) * 100))
    await client.call(request)
    assert peer.heard == [request]


async def test_a_refusal_crosses_with_its_words_and_a_fault_without_any(
    peer: Peer, client: VerbClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    def refuse(_: Any) -> Any:
        error = Refused(rule="r", node="n", retry_after_seconds=7)
        error.logged = True
        raise error

    peer.answer = refuse
    with pytest.raises(RefusedByPeer) as refused:
        await client.call(read())
    e = refused.value
    assert (e.code, e.sentence, e.rule, e.node, e.retry_after_seconds, e.logged) == (
        "refused_in_test", "No.", "r", "n", 7, True,
    )  # fmt: skip

    def fail(_: Any) -> Any:
        raise KeyError("a secret detail")

    peer.answer = fail
    with pytest.raises(RefusedByPeer) as fault:
        await client.call(read())
    assert fault.value.code == "unavailable"
    assert "secret" not in f"{fault.value.sentence} {fault.value!r} {fault.value.rule}"


async def test_what_is_not_a_verb_of_this_socket_ends_the_connection(peer: Peer) -> None:
    good = msgspec.to_builtins(read())
    wrongs: list[Any] = [
        {"verb": "sign_order"}, {"verb": "mac"}, {}, [], None, good | {"more": 1},
        {k: v for k, v in good.items() if k != "trader_id"}, good | {"what": "delete_key"},
    ]  # fmt: skip
    for wrong in wrongs:
        assert await after(peer, call(wrong)) == b"", wrong
    for raw in (frame(b""), frame(b"\xc1"), frame(b"\x81\xa2id\x01")):
        assert await after(peer, raw) == b""
    assert peer.heard == []
    assert await after(peer, call(good)) == b"open"
    assert len(peer.heard) == 1


async def test_a_frame_that_is_too_long_ends_the_connection_before_it_is_read(
    peer: Peer,
) -> None:
    assert await after(peer, struct.pack(">I", MAX_FRAME_BYTES + 1)) == b""
    assert await after(peer, struct.pack(">I", 2**32 - 1) + b"x" * 1000) == b""


async def test_a_verb_behind_one_that_ended_the_connection_is_not_heard(peer: Peer) -> None:
    good = msgspec.to_builtins(read())
    assert await after(peer, call({"verb": "mac"}) + call(good)) == b""
    assert await after(peer, struct.pack(">I", MAX_FRAME_BYTES + 1) + call(good)) == b""
    assert peer.heard == []


async def test_a_frame_may_come_byte_by_byte(peer: Peer) -> None:
    _, writer = await asyncio.open_unix_connection(str(peer.path))
    for byte in call(msgspec.to_builtins(read())):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(2):
        while not peer.heard:  # noqa: ASYNC110 - another task's doing
            await asyncio.sleep(0.005)
    writer.close()


async def test_a_peer_of_another_uid_is_not_heard() -> None:
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        stranger = Peer(Path(folder) / "s", allowed_uids={own_uid() + 1})
        await stranger.server.start()
        assert await after(stranger, call(msgspec.to_builtins(read()))) == b""
        with pytest.raises(PeerUnavailable):
            await VerbClient(stranger.path, call_seconds=0.3).call(read())
        assert stranger.heard == []
        await stranger.server.stop()


async def test_only_owner_and_group_reach_the_socket(peer: Peer) -> None:
    assert peer.path.stat().st_mode & 0o777 == 0o660
    assert peer.path.stat().st_uid == os.getuid()


async def test_nobody_there_no_answer_and_a_lost_one_are_peer_unavailable(
    peer: Peer, client: VerbClient
) -> None:
    with pytest.raises(PeerUnavailable):
        await VerbClient(peer.path.parent / "nobody").call(Status())
    peer.answer = lambda _: asyncio.sleep(9)
    with pytest.raises(PeerUnavailable):
        await VerbClient(peer.path, call_seconds=0.1).call(read())
    waiting = asyncio.create_task(client.call(read()))
    async with asyncio.timeout(2):
        while len(peer.heard) < 2:  # noqa: ASYNC110 - another task's doing
            await asyncio.sleep(0.005)
    await peer.server.stop()
    with pytest.raises(PeerUnavailable):
        await waiting
    assert not client.connected


async def test_a_client_comes_back_after_its_peer_did(peer: Peer, client: VerbClient) -> None:
    await client.call(Status())
    await peer.server.stop()
    async with asyncio.timeout(2):
        while client.connected:  # noqa: ASYNC110 - the transport's doing
            await asyncio.sleep(0.005)
    peer.server = VerbServer(peer.path, Status, {Status: peer._status}, allowed_uids={own_uid()})
    await peer.server.start()
    assert await client.call(Status()) == STATUS
