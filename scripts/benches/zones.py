"""The bare handler cut into our trust zones, and nothing else of ours: the floor of `bench sign`.

The same work as `bare.py`, but HTTP is in one process, the transaction in a second one behind a
Unix socket, and one HMAC in a third, as a key in a PKCS#11 worker is. No signature is verified, no
MAC checked, no limit looked at, nothing logged. What this costs above the bare handler is the price
of the zones alone; what we cost above this is the price of what we check.
"""

import asyncio
import hmac
import json
import os
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path

import msgspec
import uvloop

from app.verbs.frames import Framed
from scripts.benches.bare import Bare, Receive, Scope, Send, Setup, Venue, body_of, connect, listen
from scripts.benches.bare import respond as respond_with

_KEY = bytes(32)
_START_SECONDS = 10.0


class Peer:
    """Asks over one connection; answers come in the order of the questions."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self.connection = Framed()
        self.connection.on_frame = lambda frame: self._waiting.popleft().set_result(frame)

    async def ask(self, raw: bytes) -> bytes:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self.connection.send(raw)
        return await answer


class Front:
    """HTTP, relayed."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await respond_with(send, await self._peer.ask(await body_of(receive)))


def hmac_worker(theirs: socket.socket) -> None:
    """Blocking, one frame after the other, until the other end is closed."""
    stream = theirs.makefile("rwb")
    while head := stream.read(4):
        message = stream.read(int.from_bytes(head, "big"))
        stream.write((32).to_bytes(4, "big") + hmac.digest(_KEY, message, "sha256"))
        stream.flush()


async def serve_back(setup: Setup, path: Path, worker: socket.socket) -> None:
    """The transaction's process, until it is killed."""
    loop, peer = asyncio.get_running_loop(), Peer()
    await loop.create_unix_connection(lambda: peer.connection, sock=worker)

    async def sign(raw: bytes) -> None:
        await peer.ask(raw)

    bare = Bare(await connect(setup), Venue(setup), sign)
    tasks: set[asyncio.Task[None]] = set()

    def accept() -> Framed:
        connection = Framed()

        async def answer(frame: bytes) -> None:
            connection.send(msgspec.json.encode(await bare.place(frame)))

        def take(frame: bytes) -> None:
            task = asyncio.create_task(answer(frame))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        connection.on_frame = take
        return connection

    await loop.create_unix_server(accept, str(path))
    await asyncio.Event().wait()


async def serve_front(setup: Setup, path: Path) -> None:
    peer, loop = Peer(), asyncio.get_running_loop()
    await loop.create_unix_connection(lambda: peer.connection, str(path))
    await listen(Front(peer), setup.port)


def _await_socket(path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def main() -> None:
    setup = Setup(**json.load(sys.stdin))
    path = Path(f"/tmp/tripcord-zones-{os.getpid()}.sock")  # noqa: S108 - a benchmark's own
    ours, theirs = socket.socketpair()
    children = []
    try:
        if not (child := os.fork()):
            ours.close()
            hmac_worker(theirs)
            os._exit(0)
        children.append(child)
        theirs.close()
        if not (child := os.fork()):
            uvloop.run(serve_back(setup, path, ours))
            os._exit(0)
        children.append(child)
        ours.close()
        _await_socket(path)
        uvloop.run(serve_front(setup, path))
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
