"""After every way to revoke, every kind of credential is used, and refused (P1, P7)."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.db.pool import Database
from app.vault.client import HsmWorkers
from scripts.drills.market import open_market
from scripts.drills.stage import Base, stage
from scripts.drills.traders import Bearer, Nursery
from tests.drills.credentials import EVERYTHING, KINDS, World
from tests.drills.planting import Planter
from tests.drills.ways import AFTERWARDS, WAYS
from tests.support.postgres import FreshDatabase

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def planting(module_database: FreshDatabase) -> AsyncIterator[World]:
    """A stage, and a nursery on it; its trader is nobody's to use."""
    base = Base(module_database.name, module_database.server_dsn, module_database.passwords)
    operator = await Database.connect(base.dsn("tripcord_operator"), min_size=1)
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        async with (
            stage(Path(folder), base, patient=True) as running,
            HsmWorkers(running.vault()) as workers,
            open_market(base.dsn()),
        ):
            nursery = Nursery(running.owner, workers)
            await nursery.open()
            (trader,) = await nursery.plant(1, bots=2)
            planter = Planter(running.owner, workers, nursery.platform_id)
            yield World(running, nursery, operator, trader, planter)
    await operator.close()


@pytest_asyncio.fixture(loop_scope="module")
async def world(planting: World) -> World:
    (trader,) = await planting.nursery.plant(1, bots=2)
    made = World(planting.stage, planting.nursery, planting.operator, trader, planting.planter)
    await made.extras()
    return made


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_way_to_revoke_kills_is_refused_and_the_rest_goes_on(
    world: World, way: str
) -> None:
    pull, dead = WAYS[way]
    assert {name for name, use in KINDS.items() if await use(world)} == EVERYTHING
    answer = await pull(world)
    assert answer is None or answer.status in {200, 201, 202}, answer
    try:
        assert {name for name, use in KINDS.items() if not await use(world)} == dead
    finally:
        if way in AFTERWARDS:
            await AFTERWARDS[way](world)


@pytest.mark.parametrize("way", [way for way, (_, dead) in WAYS.items() if dead == EVERYTHING])
async def test_a_card_still_revokes_after_the_end_and_brings_nothing_back(
    world: World, way: str
) -> None:
    await WAYS[way][0](world)
    answer = await WAYS["redeem the card"][0](world)
    assert answer is not None
    assert answer.status in {200, 401}
    for name, use in KINDS.items():
        assert not await use(world), name


async def test_a_receipt_still_reads_and_only_reads(world: World) -> None:
    pulled = await WAYS["break glass"][0](world)
    assert pulled is not None
    receipt = pulled.header("tripcord-receipt")
    headers = {"Tripcord-Receipt": receipt}
    revocation = f"/v1/revocations/{pulled.json()['revocation_id']}"
    assert (await world.http("GET", revocation, headers=headers)).status == 200
    log = await world.http("GET", "/v1/access-log", headers=headers)
    assert log.status == 200
    assert "token.revoked" in {item.get("event") for item in log.json()["items"]}
    bot = world.trader.bots[0].path[-1]
    for method, path, body in (
        ("GET", "/v1/tokens", None),
        ("GET", "/v1/devices", None),
        ("POST", "/v1/break-glass", {}),
        ("DELETE", f"/v1/tokens/{bot}", None),
        ("POST", "/v1/orders", {"order": world.order(world.trader.bots[0])}),
    ):
        for named in (headers, headers | {"Authorization": f"Bearer {receipt}"}):
            answer = await world.http(method, path, body=body, headers=named)
            assert answer.status == 401, (method, path)
        carried = Bearer(_Text(receipt), world.trader.phone.key, ())  # type: ignore[arg-type]
        assert (await world.http(method, path, carried, body)).status == 401
    card = await world.http("POST", "/v1/revocation-cards/redeem", body={"card": receipt})
    assert card.status == 401


class _Text:
    """A string where a token is expected."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text
