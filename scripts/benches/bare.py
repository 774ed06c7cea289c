"""The bare handler that `bench sign` is measured against; a process of its own.

For the same HTTP request it does what nobody can leave out and nothing else: the trader's row
lock, one read, the same ccxt call with the key in plain memory, one insert, one durable commit.
No signature is verified, no limit looked at, nothing logged: it is a yardstick, never an example.
"""

import asyncio
import base64
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import ccxt
import msgspec
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

Scope = dict[str, Any]
Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
Between = Callable[[bytes], Coroutine[Any, Any, None]]

CONNECTIONS = 16
"""Held, as many as the api or the signer hold."""

SCHEMA = """
    CREATE TABLE trader (trader_id uuid PRIMARY KEY);
    CREATE TABLE bot_grant (
        trader_id uuid NOT NULL REFERENCES trader,
        grant_id  uuid NOT NULL,
        max_order numeric NOT NULL,
        PRIMARY KEY (trader_id, grant_id)
    );
    CREATE TABLE bot_order (
        trader_id       uuid NOT NULL,
        order_id        uuid NOT NULL,
        grant_id        uuid NOT NULL,
        sequence        bigint NOT NULL,
        jws             text NOT NULL,
        client_order_id text NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (trader_id, order_id),
        FOREIGN KEY (trader_id, grant_id) REFERENCES bot_grant
    );
"""
_LOCK = "SELECT 1 FROM trader WHERE trader_id = $1 FOR UPDATE"
_READ = "SELECT max_order FROM bot_grant WHERE trader_id = $1 AND grant_id = $2"
_INSERT = """
    INSERT INTO bot_order (trader_id, order_id, grant_id, sequence, jws, client_order_id)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the process is told on its standard input."""

    port: int
    login: dict[str, str]
    sandbox_url: str
    market: str
    api_key: str
    secret: str


class Venue:
    """Plain ccxt: secret in memory, rate limiter off, one market preset, no network."""

    def __init__(self, setup: Setup) -> None:
        api = {name: f"{setup.sandbox_url}/{path}" for name, path in _API.items()}
        self._exchange: Any = ccxt.binance(
            {
                "apiKey": setup.api_key,
                "secret": setup.secret,
                "enableRateLimit": False,
                "urls": {"api": api},
                "options": {
                    "defaultType": "spot",
                    "fetchCurrencies": False,
                    "fetchMargins": False,
                    "fetchMarkets": {"types": ["spot"]},
                    "broker": {},
                },
            }
        )
        self._exchange.session.trust_env = False
        self._exchange.load_markets()
        self._symbol = self._exchange.markets_by_id[setup.market][0]["symbol"]

    def order(self, intent: dict[str, str], client_order_id: str) -> dict[str, Any]:
        params = {"newClientOrderId": client_order_id, "timeInForce": intent["time_in_force"]}
        placed: dict[str, Any] = self._exchange.create_order(
            self._symbol,
            intent["type"],
            intent["side"],
            intent["quantity"],
            intent["price"],
            params,
        )
        return placed

    def keep_the_answer(self, intent: dict[str, str]) -> None:
        """Place one order for real; from then on its answer stands for the venue's."""
        really, answers = self._exchange.fetch, []

        def fetch(*arguments: Any, **named: Any) -> Any:
            answers.append(really(*arguments, **named))
            return answers[-1]

        self._exchange.fetch = fetch
        self.order(intent, uuid4().hex)
        self._exchange.fetch = lambda *_, **__: answers[-1]
        self._exchange.session.close()


_API = {
    "public": "api/v3",
    "private": "api/v3",
    "v1": "api/v1",
    "sapi": "sapi/v1",
    "sapiV2": "sapi/v2",
    "sapiV3": "sapi/v3",
    "sapiV4": "sapi/v4",
}


class Bare:
    """A raw ASGI application over held connections.

    `between` is awaited with the request's bytes after ccxt and before the insert.
    """

    def __init__(
        self, connections: list[Any], venue: Venue, between: Between | None = None
    ) -> None:
        self._free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)
        self._venue = venue
        self._between = between
        self._is_warm = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await respond(send, msgspec.json.encode(await self.place(await body_of(receive))))

    async def place(self, raw: bytes) -> dict[str, Any]:
        """Lock, read, ccxt, insert, commit: single statements on one connection."""
        jws = msgspec.json.decode(raw)["order"]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(jws.split(".")[1] + "=="))
        trader_id, grant_id = UUID(claims["trader_id"]), UUID(claims["grant_id"])
        order_id = uuid4()
        if not self._is_warm:
            self._venue.keep_the_answer(claims["intent"])
            self._is_warm = True
        connection = await self._free.get()
        try:
            async with connection.transaction():
                await connection.fetchval(_LOCK, trader_id)
                await connection.fetchval(_READ, trader_id, grant_id)
                self._venue.order(claims["intent"], order_id.hex)
                if self._between is not None:
                    await self._between(raw)
                sequence = claims["sequence"]
                await connection.execute(
                    _INSERT, trader_id, order_id, grant_id, sequence, jws, order_id.hex
                )
        finally:
            self._free.put_nowait(connection)
        return {
            "order_id": str(order_id),
            "state": "released",
            "client_order_id": order_id.hex,
            "sequence": sequence,
        }


async def respond(send: Send, raw: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(raw))]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


async def body_of(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def connect(setup: Setup) -> list[Any]:
    return [await asyncpg.connect(**setup.login) for _ in range(CONNECTIONS)]


async def listen(application: Any, port: int) -> None:
    """Serve until SIGTERM; says so on standard output."""
    server = Server(
        application,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    print("ready", flush=True)
    await server.serve()


async def serve(setup: Setup) -> None:
    connections = await connect(setup)
    await listen(Bare(connections, Venue(setup)), setup.port)
    for connection in connections:
        await connection.close()


if __name__ == "__main__":
    uvloop.run(serve(Setup(**json.load(sys.stdin))))
