"""The ways to pull the cord that end everything."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.api.caller import Caller
from tests.api.rows import TraderRow

Pull = Callable[[Caller, TraderRow], Awaitable[httpx.Response]]


async def break_glass(caller: Caller, trader: TraderRow) -> httpx.Response:
    return await caller.call("POST", "/v1/break-glass", by=trader.device, body={})


async def revoke_root(caller: Caller, trader: TraderRow) -> httpx.Response:
    return await caller.call("DELETE", f"/v1/tokens/{trader.root_id}", by=trader.device)


async def redeem(caller: Caller, trader: TraderRow) -> httpx.Response:
    body = {"card": trader.card.reveal()}
    return await caller.call("POST", "/v1/revocation-cards/redeem", body=body)


PULLS = pytest.mark.parametrize("pull", [break_glass, revoke_root, redeem])
