"""Whoever needs no token has a budget per address: it bounds work, and cuts off nobody else."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.api.budgets import Budget
from app.api.services import MISSED_LEAKS, SIGN_IN_LOOKS
from app.wiring.api import api
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.conftest import calling, settings
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def look(caller: Caller, path: str) -> httpx.Response:
    headers = {"DPoP": KeyPair.p256().dpop_proof("POST", ORIGIN + path)}
    body: dict[str, Any] = {"trader_id": str(uuid4())}
    return await caller.call("POST", path, headers=headers, body=body)


async def test_an_address_is_spent_with_its_window_and_with_all_of_its_site() -> None:
    budget = Budget(most=2, window_seconds=10)
    for at in (0.0, 4.0):
        assert budget.wait_seconds("2001:db8::1", at) == 0
        budget.spend("2001:db8::1", at)
    assert budget.wait_seconds("2001:db8::ffff", 4.0) == 6
    assert budget.wait_seconds("2001:db8:0:1::1", 4.0) == 0
    assert budget.wait_seconds("192.0.2.1", 4.0) == 0
    assert budget.wait_seconds("2001:db8::1", 10.0) == 0
    budget.spend("2001:db8::1", 10.0)
    assert budget.wait_seconds("2001:db8::1", 10.0) == 0


async def test_what_is_kept_of_addresses_is_bounded() -> None:
    budget = Budget(most=1, window_seconds=10, addresses=3)
    for n in range(4):
        budget.spend(f"192.0.2.{n}", 0.0)
    assert budget.wait_seconds("192.0.2.0", 1.0) == 0  # the oldest was forgotten
    assert budget.wait_seconds("192.0.2.3", 1.0) == 9


@pytest.mark.parametrize("route", ["number", "proof"])
async def test_a_sign_in_is_looked_at_so_often_from_one_address_and_not_oftener(
    route: str, module_database: FreshDatabase, folder: Path
) -> None:
    path = f"/v1/sessions/{uuid4()}/{route}"
    async with api(settings(module_database, folder)) as services:
        for _ in range(SIGN_IN_LOOKS - 1):
            services.sign_in_looks.spend("192.0.2.7", asyncio.get_running_loop().time())
        async with calling(services, "192.0.2.7") as caller:
            refused(await look(caller, path), 404, "session_not_found")
            told = await look(caller, path)
            refused(told, 429, "too_many_requests")
            assert 0 < int(told.headers["retry-after"]) <= 60
        async with calling(services, "192.0.2.8") as another:
            refused(await look(another, path), 404, "session_not_found")


async def test_guesses_at_leaked_tokens_end_with_the_budget_of_their_address(
    module_database: FreshDatabase, folder: Path, rows: asyncpg.Connection
) -> None:
    async with api(settings(module_database, folder)) as services:
        for _ in range(MISSED_LEAKS - 1):
            services.leak_misses.spend("192.0.2.7", asyncio.get_running_loop().time())
        async with calling(services, "192.0.2.7") as caller:
            guess = {"leaks": [{"token": "tc_device_nothing"}] * 2}
            refused(await caller.call("POST", "/v1/leaks", body=guess), 429, "too_many_requests")
    misses = "SELECT count(*) FROM access_log WHERE rule = 'leak_unknown'"
    assert await rows.fetchval(misses) == 1  # the second was not looked at
