"""One of two processes that redeem at once; `python -m scripts.drills.redeemers`.

On standard input: one line with the logins, then one line per round. The answer to a round is one
line: which of its numbers won, and how many calls failed otherwise.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from app.db.pool import Database
from scripts.drills import onetime
from scripts.drills.onetime import OneTime

_CONNECTIONS = 16
_PATIENT = {"lock_timeout": "15000", "idle_in_transaction_session_timeout": "15000"}
"""Milliseconds: how busy this machine is, is not what is tested."""


async def redeem(db: Database, what: OneTime, given: Any, numbers: Sequence[int]) -> Any:
    """All of `numbers` at once, each in a transaction of its own."""

    async def one(number: int) -> int | None:
        async with db.transaction() as tx:
            return number if await what.redeem(tx, given, number) else None

    found = await asyncio.gather(*(one(number) for number in numbers), return_exceptions=True)
    failures = [type(item).__name__ for item in found if isinstance(item, BaseException)]
    return {"won": [item for item in found if isinstance(item, int)], "failed": failures}


async def serve(table: Sequence[OneTime] = onetime.TABLE) -> None:
    logins = json.loads(sys.stdin.readline())
    by_name = {one.name: one for one in table}
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        pools: dict[str, Database] = {}
        for role, dsn in logins.items():
            pools[role] = await Database.connect(
                dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS, settings=_PATIENT
            )
            stack.push_async_callback(pools[role].close)
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = json.loads(line)
            what = by_name[asked["name"]]
            answer = await redeem(pools[what.role], what, asked["given"], asked["numbers"])
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
