"""Reading /v1/events over a real socket, and making things happen that it tells of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec

from app.core.ids import new_id
from tests.api.caller import Caller, Party
from tests.api.process import ApiProcess

LOCKED = UUID(int=0)
PATH = "/v1/events"


class Heard(msgspec.Struct, frozen=True):
    """One event of a stream; comments are not heard."""

    kind: str
    position: int | None
    data: dict[str, Any]


class Stream:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self, seconds: float = 15.0) -> Heard | None:
        """The next event, or None where the stream is over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith(":"):
                    continue
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    position = int(fields["id"]) if "id" in fields else None
                    data = msgspec.json.decode(fields["data"])
                    return Heard(fields["event"], position, data)
        return None

    async def rest(self) -> list[Heard]:
        """Everything until it is over."""
        heard = []
        while (one := await self.next()) is not None:
            heard.append(one)
        return heard


@asynccontextmanager
async def listening(
    process: ApiProcess, by: Party, *, after: int | None = None, query: str = ""
) -> AsyncIterator[Stream]:
    """A stream over a connection of its own, which is cut when the block ends."""
    headers = by.headers("GET", PATH)
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    async with (
        httpx.AsyncClient(base_url=process.url, timeout=30, trust_env=False) as http,
        http.stream("GET", PATH + query, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


async def happen(rows: asyncpg.Connection, trader_id: UUID, event: str) -> int:
    """One entry on the trader's locked chain, as whoever writes it does; its position."""
    async with rows.transaction():
        await rows.fetchval("SELECT lock_trader($1)", trader_id)
        position: int = await rows.fetchval(
            "SELECT append_entry($1,$2,$3,'test',NULL,NULL,$4,'ok',NULL,NULL,NULL,NULL,NULL,NULL,"
            "NULL)",
            *(trader_id, LOCKED, event, new_id()),
        )
    return position


def refusal_of(caller: Caller, by: Party, **headers: str) -> Any:
    """Ask for a stream that will not come."""
    return caller.call("GET", PATH, by=by, headers=headers)
