"""Debian's Chromium with a virtual authenticator, driven over the DevTools protocol.

No page is fetched from anywhere: every request is answered here, so that a page has the origin a
test gives it. What the browser then signs into `clientDataJSON` is its own doing.
"""

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from scripts.clients.encoding import Json

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_START_SECONDS = 60.0
_ANSWER_SECONDS = 60.0
_PAGE = base64.b64encode(b"<!doctype html><title>a page</title><body>a page").decode()
_CREATE = """
(async () => JSON.stringify((await navigator.credentials.create({
  publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(%s)})).toJSON()))()
"""
_GET = """
(async () => JSON.stringify((await navigator.credentials.get({
  publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(%s)})).toJSON()))()
"""


def find_browser() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class PageSaidNo(Exception):
    """The browser's own refusal: the name and text of a DOMException."""


class Page:
    """One tab with one authenticator of its own: built in, its user there and verified."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._session: str | None = None
        self._loaded = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def open(self, origin: str) -> None:
        """Show a page of `origin`."""
        target = await self._ask("Target.createTarget", url="about:blank")
        attached = await self._ask(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self._ask("Fetch.enable", patterns=[{"urlPattern": "*"}])
        await self._ask("Page.enable")
        await self._ask("WebAuthn.enable", enableUI=False)
        await self._ask(
            "WebAuthn.addVirtualAuthenticator",
            options={
                "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal",
                "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
                "automaticPresenceSimulation": True,
            },
        )  # fmt: skip
        await self.show(origin)

    async def show(self, origin: str) -> None:
        self._loaded.clear()
        await self._ask("Page.navigate", url=f"{origin}/")
        await asyncio.wait_for(self._loaded.wait(), _ANSWER_SECONDS)

    async def create(self, options: Json) -> Json:
        """`navigator.credentials.create`, and `toJSON()` of what it gave."""
        return await self._run(_CREATE % json.dumps(options))

    async def get(self, *, rp_id: str, challenge: str, allowed: list[str]) -> Json:
        """`navigator.credentials.get`, and `toJSON()` of what it gave."""
        options = {
            "challenge": challenge, "rpId": rp_id, "userVerification": "required",
            "allowCredentials": [{"type": "public-key", "id": one} for one in allowed],
        }  # fmt: skip
        return await self._run(_GET % json.dumps(options))

    async def stop(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _run(self, script: str) -> Json:
        answer = await self._ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in answer:
            raise PageSaidNo(answer["exceptionDetails"]["exception"]["description"])
        said: Json = json.loads(answer["result"]["value"])
        return said

    async def _ask(self, method: str, **params: Any) -> Json:
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._send(number, method, params)
        return await asyncio.wait_for(self._waiting[number], _ANSWER_SECONDS)

    async def _send(self, number: int, method: str, params: Json) -> None:
        session = {} if self._session is None else {"sessionId": self._session}
        message = {"id": number, "method": method, "params": params} | session
        await self._socket.send_str(json.dumps(message))

    async def _read(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame.data)
            if message.get("method") == "Fetch.requestPaused":
                await self._send(
                    next(self._ids), "Fetch.fulfillRequest",
                    {
                        "requestId": message["params"]["requestId"], "responseCode": 200,
                        "responseHeaders": [{"name": "Content-Type", "value": "text/html"}],
                        "body": _PAGE,
                    },
                )  # fmt: skip
            elif message.get("method") == "Page.loadEventFired":
                self._loaded.set()
            waiting = self._waiting.pop(message.get("id", 0), None)
            if waiting is None or waiting.done():
                continue
            if "error" in message:
                waiting.set_exception(PageSaidNo(str(message["error"])))
            else:
                waiting.set_result(message["result"])


@asynccontextmanager
async def browser_page(program: str, origin: str) -> AsyncIterator[Page]:
    """A fresh browser, showing a page of `origin`; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="tc-chromium-") as profile:
        # Its own sandbox does not work for root, nor in most containers; it sees only our pages.
        running = await asyncio.create_subprocess_exec(
            program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={profile}",
            "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "HOME": profile, "TMPDIR": profile}, start_new_session=True,
        )  # fmt: skip
        try:
            address = await asyncio.wait_for(_address(running), _START_SECONDS)
            async with aiohttp.ClientSession() as http, http.ws_connect(address) as socket:
                page = Page(socket)
                await page.open(origin)
                try:
                    yield page
                finally:
                    await page.stop()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)  # its helpers too: they hold the pipe open
            await running.wait()


async def _address(running: asyncio.subprocess.Process) -> str:
    assert running.stderr is not None
    said = b""
    while line := await running.stderr.readline():
        said += line
        found = re.search(rb"DevTools listening on (ws://\S+)", line)
        if found:
            return found.group(1).decode()
    raise AssertionError(said.decode(errors="replace"))
