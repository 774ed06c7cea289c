"""/v1/events: nothing missed over reconnects, nothing heard by who may not."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.accesslog.models import Event
from app.core.token import TokenKind
from app.watching.rules import KINDS, TOLD, UNTOLD
from scripts.clients.encoding import Secret
from scripts.clients.events import EventFeed, StreamEnded
from scripts.clients.http import Api, Dpop
from tests.api.caller import Caller, refused
from tests.api.process import ApiProcess
from tests.api.rows import PlatformRow, TraderRow, add_approval, add_party, add_trader, fence
from tests.api.streams import LOCKED, PATH, Heard, happen, listening
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def other_node(
    module_database: FreshDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    running = ApiProcess(module_database, tmp_path_factory.mktemp("node"))
    yield running
    assert running.stop() == 0, running.log()


async def chain(rows: asyncpg.Connection, trader_id: UUID) -> list[int]:
    """Positions of what is told, as the log has them."""
    found = await rows.fetch(
        "SELECT position FROM access_log WHERE trader_id = $1 AND chain = $2"
        " AND event = ANY ($3) ORDER BY position",
        *(trader_id, LOCKED, list(TOLD)),
    )
    return [row["position"] for row in found]


async def test_every_word_of_the_log_is_told_or_left_out_on_purpose() -> None:
    assert KINDS.keys() | {event.value for event in UNTOLD} == {event.value for event in Event}
    assert not KINDS.keys() & {event.value for event in UNTOLD}


async def test_cut_at_random_places_on_two_nodes_nothing_is_missed_and_nothing_comes_twice(
    process: ApiProcess, other_node: ApiProcess, trader: TraderRow, module_database: FreshDatabase,
    rows: asyncpg.Connection,
) -> None:  # fmt: skip
    dice = random.Random(7)  # noqa: S311 - a seed replays the run
    writers = [await asyncpg.connect(module_database.dsn()) for _ in range(3)]
    words = [*TOLD[:6], Event.ORDER_RELEASED.value, Event.VENUE_READ.value]
    last_word = Event.DEVICE_LOST.value
    assert last_word not in words

    async def write(connection: asyncpg.Connection, seed: int) -> None:
        mine = random.Random(seed)  # noqa: S311
        for _ in range(80):
            await happen(connection, trader.trader_id, mine.choice(words))
            await asyncio.sleep(mine.random() * 0.01)

    async def write_all() -> None:
        await asyncio.gather(*(write(one, seed) for seed, one in enumerate(writers)))
        await happen(rows, trader.trader_id, last_word)

    writing = asyncio.create_task(write_all())
    heard: list[int] = []
    last, cuts, is_over = 0, 0, False
    while not is_over:
        node = dice.choice([process, other_node])
        async with listening(node, trader.device, after=last) as stream:
            opened = await stream.next()
            assert opened == Heard("open", last, {"position": last})
            for _ in range(dice.randrange(30)):
                one = await stream.next(60)
                assert one is not None
                assert one.position == one.data["position"]
                assert one.kind == KINDS[one.data["event"]]
                heard.append(one.position or 0)
                is_over = one.data["event"] == last_word
                if is_over:
                    break
        last, cuts = heard[-1] if heard else 0, cuts + 1
    await writing
    assert heard == await chain(rows, trader.trader_id)
    assert cuts > 5
    for connection in writers:
        await connection.close()


async def test_what_is_told_are_ids_and_no_details(
    process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    async with listening(process, trader.device) as stream:
        await stream.next()
        position = await happen(rows, trader.trader_id, "approval.requested")
        one = await stream.next()
    assert one is not None
    assert (one.kind, one.position) == ("approval", position)
    assert one.data.keys() == {"position", "at", "event", "outcome", "token_id", "subject_id"}


async def test_a_revoke_of_the_device_ends_its_stream_at_once(
    process: ApiProcess, wire: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    async with listening(process, trader.device) as stream:
        await stream.next()
        path = f"/v1/tokens/{trader.device.token.token_id}"
        assert (await wire.call("DELETE", path, by=trader.device)).status_code == 200
        began = time.monotonic()
        await happen(rows, trader.trader_id, "approval.requested")
        rest = await stream.rest()
    assert time.monotonic() - began < 3
    assert [(one.kind, one.data) for one in rest] == [("end", {"reason": "revoked"})]
    refused(await wire.call("GET", PATH, by=trader.device), 401, "token_rejected")


@pytest.mark.parametrize("severity", [4, 5])
async def test_a_fence_without_a_word_in_the_log_is_found_at_the_next_wake(
    severity: int, process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    async with listening(process, trader.device) as stream:
        await stream.next()
        await fence(rows, trader.trader_id, trader.root_id, severity)
        await happen(rows, trader.trader_id, "approval.requested")
        rest = await stream.rest()
    reason = {4: "contained", 5: "revoked"}[severity]
    assert [(one.kind, one.data["reason"]) for one in rest] == [("end", reason)]


async def test_a_stream_ends_when_its_token_expires(
    process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    short = await add_party(
        rows, trader.trader_id, TokenKind.DEVICE, trader.root_id, expires_at=soon
    )
    async with listening(process, short) as stream:
        rest = await stream.rest()
    assert [one.kind for one in rest] == ["open", "end"]
    assert rest[-1].data == {"reason": "expired"}
    assert datetime.now(UTC) >= soon


async def test_what_changes_under_a_token_makes_it_prove_itself_anew(
    process: ApiProcess, wire: Caller, trader: TraderRow
) -> None:
    device_id = trader.device.token.token_id
    async with listening(process, trader.device) as stream:
        await stream.next()
        rotated = await wire.call("POST", f"/v1/tokens/{device_id}/rotate", by=trader.device)
        assert rotated.status_code == 200, rotated.text
        rest = await stream.rest()
    assert [one.kind for one in rest] == ["token", "end"]
    assert rest[-1].data == {"reason": "token_changed"}


async def test_a_strangers_device_hears_nothing_of_mine(
    process: ApiProcess, platform: PlatformRow, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    stranger = await add_trader(rows, platform)
    mine = await happen(rows, trader.trader_id, "approval.requested")
    async with listening(process, stranger.device, after=0) as stream:
        await stream.next()
        await happen(rows, trader.trader_id, "approval.decided")
        own = await happen(rows, stranger.trader_id, "session.requested")
        heard = await stream.next()
    assert heard is not None
    assert (heard.kind, heard.position) == ("login", own)
    assert mine >= own  # its position means nothing on another chain


async def test_a_proof_counts_once_and_for_this_route_only(wire: Caller, trader: TraderRow) -> None:
    elsewhere = trader.device.headers("GET", "/v1/devices")
    refused(await wire.call("GET", PATH, headers=elsewhere), 401, "proof_rejected")
    headers = trader.device.headers("GET", PATH)
    assert (await wire.call("GET", f"{PATH}?wait=0", headers=headers)).status_code == 200
    refused(await wire.call("GET", f"{PATH}?wait=0", headers=headers), 401, "proof_rejected")


async def test_opening_a_stream_is_in_the_log_before_its_first_byte(
    process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    async with listening(process, trader.device):
        told = await rows.fetchval(
            "SELECT count(*) FROM access_log WHERE trader_id = $1 AND event = 'events.read'"
            " AND token_id = $2",
            *(trader.trader_id, trader.device.token.token_id),
        )
    assert told == 1


async def test_a_third_stream_ends_the_first_and_another_devices_are_its_own(
    process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    other = await add_party(rows, trader.trader_id, TokenKind.DEVICE, trader.root_id)
    async with AsyncExitStack() as open_streams:
        streams = []
        for device in (other, trader.device, trader.device, trader.device):
            stream = await open_streams.enter_async_context(listening(process, device))
            assert (await stream.next()) is not None
            streams.append(stream)
        rest = await streams[1].rest()
        assert [(one.kind, one.data) for one in rest] == [("end", {"reason": "replaced"})]
        position = await happen(rows, trader.trader_id, "approval.requested")
        for left in (streams[0], *streams[2:]):
            one = await left.next()
            assert one is not None
            assert one.position == position


async def test_as_a_long_poll_it_ends_with_the_first_that_happens_or_with_its_time(
    wire: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    began = time.monotonic()
    empty = await wire.call("GET", f"{PATH}?wait=1", by=trader.device)
    assert 1 <= time.monotonic() - began < 5
    assert empty.text.count("event: ") == 1
    waiting = asyncio.create_task(wire.call("GET", f"{PATH}?wait=25", by=trader.device))
    await asyncio.sleep(0.5)
    position = await happen(rows, trader.trader_id, "approval.requested")
    async with asyncio.timeout(10):
        answer = await waiting
    assert f"id: {position}\nevent: approval\n" in answer.text
    for wrong in ("26", "-1", "x", ""):
        refused(await wire.call("GET", f"{PATH}?wait={wrong}", by=trader.device), 400, "malformed")


async def test_a_long_poll_of_approvals_wakes_by_the_same_look(
    wire: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    path = f"/v1/approvals?wait=25&cursor={trader.approval_id}"
    waiting = asyncio.create_task(wire.call("GET", path, by=trader.device))
    await asyncio.sleep(1)
    new = await add_approval(rows, trader.trader_id, trader.credential_id)
    began = time.monotonic()
    await happen(rows, trader.trader_id, "approval.requested")
    async with asyncio.timeout(10):
        answer = await waiting
    assert time.monotonic() - began < 2.5  # without the look it is five seconds
    assert [item["approval_id"] for item in answer.json()["items"]] == [str(new)]


@pytest.mark.parametrize("wrong", ["", "-1", "1.5", "x", "9" * 19, "٣", "1, 2", " "])
async def test_a_last_event_id_of_another_form_is_refused(
    wrong: str, caller: Caller, trader: TraderRow
) -> None:
    headers = {"Last-Event-ID": wrong.encode()}
    response = await caller.call("GET", f"{PATH}?wait=0", by=trader.device, headers=headers)
    refused(response, 400, "malformed")


async def test_an_id_beyond_the_chain_starts_at_its_end_and_says_so(
    process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    head = await happen(rows, trader.trader_id, "approval.requested")
    async with listening(process, trader.device, after=head + 1000, query="?wait=0") as stream:
        assert await stream.rest() == [Heard("open", head, {"position": head})]


async def test_the_service_stops_at_once_while_streams_are_open(
    module_database: FreshDatabase, trader: TraderRow, tmp_path: Path
) -> None:
    running = ApiProcess(module_database, tmp_path)
    async with listening(running, trader.device) as stream:
        await stream.next()
        began = time.monotonic()
        assert await asyncio.to_thread(running.stop) == 0, running.log()
        took = time.monotonic() - began
        assert (await stream.rest())[-1].data == {"reason": "stopping"}
    assert took < 3


async def test_the_guides_client_goes_on_where_it_was_cut_and_stops_when_it_is_revoked(
    module_database: FreshDatabase, trader: TraderRow, rows: asyncpg.Connection, tmp_path: Path
) -> None:
    running = ApiProcess(module_database, tmp_path, origin=None)
    positions = [await happen(rows, trader.trader_id, "approval.requested") for _ in range(3)]

    def follow() -> tuple[list[int], str]:
        with Api(running.url) as api:
            auth = Dpop(trader.device.key, Secret(trader.device.token.reveal()))
            feed = EventFeed(api, auth, after=positions[0] - 1)
            first = next(feed.connect()).position  # and the connection is dropped
            second = [event.position for event in feed.connect(wait_seconds=5)]
            heard, reason = [first, *second], ""
            try:
                for event in feed:
                    heard.append(event.position)  # noqa: PERF401 - ends by raising
            except StreamEnded as ended:
                reason = ended.reason
        return heard, reason

    following = asyncio.create_task(asyncio.to_thread(follow))
    await asyncio.sleep(1)
    await fence(rows, trader.trader_id, trader.root_id, 5)
    await happen(rows, trader.trader_id, "approval.requested")
    async with asyncio.timeout(20):
        assert await following == (positions, "revoked")
    assert await asyncio.to_thread(running.stop) == 0


async def test_a_client_that_goes_away_gives_its_place_back(
    process: ApiProcess, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    for _ in range(5):
        async with listening(process, trader.device) as stream:
            await stream.next()
    async with listening(process, trader.device) as one, listening(process, trader.device) as two:
        await asyncio.gather(one.next(), two.next())
        position = await happen(rows, trader.trader_id, str(Event.APPROVAL_REQUESTED.value))
        heard = await asyncio.gather(one.next(), two.next())
    assert [found.position for found in heard if found] == [position, position]
    assert "Traceback" not in process.log()
