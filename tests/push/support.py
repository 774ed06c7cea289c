"""An outbox with devices in it, and an FCM that answers what the test says."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from app.core.ids import new_id
from app.db.pool import Database, Tx
from app.outbox import store
from app.outbox.models import Message, Topic
from app.push.doorbell import make_doorbell
from app.push.models import Address, Doorbell, RegistrationKind
from app.push.rules import RetryPolicy
from app.push.service import Pace, Sender

PROJECT = "tripcord-demo"
ANY_PHONE = "c" + "B" * 21
QUICK = Pace(
    slots=8,
    poll_seconds=0.02,
    fault_seconds=0.05,
    drain_seconds=5,
    retry=RetryPolicy(min_seconds=0.05, throttled_seconds=0.05),
)
Running = Callable[[Sender], AbstractAsyncContextManager[None]]

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


class Device(NamedTuple):
    trader_id: UUID
    device_id: UUID
    registration: str


class Reply(NamedTuple):
    """What the scripted FCM answers once; the body goes out as it is."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    delay_seconds: float = 0.0
    held: bool = False


def refusal(status: int, name: str, code: str | None = None, **headers: str) -> Reply:
    """An error in Google's form, with FCM's own code where it has one."""
    details = [] if code is None else [{"@type": FCM_ERROR, "errorCode": code}]
    error = {"code": status, "message": "what Google says", "status": name, "details": details}
    named = tuple((key.replace("_", "-"), value) for key, value in headers.items())
    return Reply(status, json.dumps({"error": error}).encode(), named)


class ScriptedFcm:
    """FCM and its token endpoint on one loopback port, for answers mock_push never gives."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.replies: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self.token_replies: deque[Reply] = deque()
        self.held_after: int | None = None
        """From this many messages on, answers wait for `gate`."""
        self.gate = Event()
        self._lock = Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reply = outer.answer(self.path, body)
                sleep(reply.delay_seconds)
                if reply.held:
                    outer.gate.wait(20)
                self.send_response(reply.status)
                for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answer(self, path: str, body: bytes) -> Reply:
        with self._lock:
            self.paths.append(path)
            if path == "/token":
                good = b'{"access_token":"ya29.test","expires_in":3599,"token_type":"Bearer"}'
                return self.token_replies.popleft() if self.token_replies else Reply(200, good)
            message = json.loads(body)["message"]
            self.messages.append(message)
            script = self.replies[message.get("fid") or message["token"]]
            if script:
                return script.popleft()
            full = self.held_after is not None and len(self.messages) > self.held_after
            return self.good()._replace(held=full)

    @staticmethod
    def good(delay_seconds: float = 0.0) -> Reply:
        return Reply(200, b'{"name":"projects/p/messages/1"}', (), delay_seconds)

    def rids(self) -> list[str]:
        with self._lock:
            return [message["data"]["rid"] for message in self.messages]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


class _Quiet(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that gave up waiting is what some tests are about."""


async def add_devices(tx: Tx, registrations: list[tuple[RegistrationKind, str]]) -> list[Device]:
    """One trader with devices, written beneath the signer: nobody looks at their MACs here."""
    trader, root, platform = new_id(), new_id(), new_id()
    far = datetime.now(UTC) + timedelta(days=365)
    await tx.execute("INSERT INTO platform VALUES ($1, 'p', '{}')", platform)
    await tx.execute(
        "INSERT INTO trader (trader_id, platform_id) VALUES ($1, $2)", trader, platform
    )
    mint = "SELECT mint_token($1, $2, $3, $4, NULL, NULL, '{}', 'x', $5)"
    await tx.execute(mint, trader, root, "trader", None, far)
    devices = [Device(trader, new_id(), registration) for _, registration in registrations]
    for (kind, registration), device in zip(registrations, devices, strict=True):
        await tx.execute(mint, trader, device.device_id, "device", root, far)
        await tx.execute(
            "INSERT INTO device VALUES ($1, $2, $3, '', 'phone', now(), 1, $4)",
            trader, device.device_id, root, bytes(32),
        )  # fmt: skip
        await tx.execute(
            "INSERT INTO push_registration VALUES ($1, $2, 'fcm', $3, $4)",
            trader, device.device_id, kind, registration,
        )  # fmt: skip
    return devices


async def devices(admin: Database, *phones: str, kind: RegistrationKind = "fid") -> list[Device]:
    async with admin.transaction() as tx:
        return await add_devices(tx, [(kind, phone) for phone in phones])


async def ring(
    database: Database,
    trader_id: UUID,
    topic: Topic = Topic.APPROVAL,
    *,
    seconds: float = 120,
    rid: UUID | None = None,
) -> UUID:
    """Queue a doorbell for every device of the trader, as the signer does; returns its rid."""
    rid = rid or uuid4()
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    async with database.transaction() as tx:
        await store.ring(tx, trader_id, topic, rid, expires_at)
    return rid


async def rows(database: Database, trader_id: UUID) -> list[dict[str, Any]]:
    query = "SELECT * FROM outbox WHERE trader_id = $1 ORDER BY created_at"
    async with database.session() as tx:
        return [dict(row) for row in await tx.fetch(query, trader_id)]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    deadline = monotonic() + seconds
    while not await condition():
        assert monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def until_none_pending(database: Database, seconds: float = 20) -> None:
    async def done() -> bool:
        async with database.session() as tx:
            left = await tx.fetchval("SELECT count(*) FROM outbox WHERE state = 'pending'")
        return bool(left == 0)

    await until(done, seconds)


def a_message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "trader_id": new_id(), "message_id": uuid4(), "topic": Topic.APPROVAL, "rid": uuid4(),
        "device_id": new_id(), "attempts": 1, "expires_at": datetime.now(UTC) + timedelta(hours=1),
        "registration": "c" + "A" * 21, "registration_kind": "fid",
    }  # fmt: skip
    return Message(**(fields | changes))


def a_doorbell(registration: str, kind: RegistrationKind = "fid", **changes: Any) -> Doorbell:
    message = a_message(**changes)
    return make_doorbell(message, Address(kind, registration), now=datetime.now(UTC))
