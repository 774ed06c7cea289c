"""`bench introspect`: living tokens asked about over HTTP, with the durable log on.

Closed loops of 1, 8, 32 and 128 clients of one platform, each asking about a grant of its own, on
kept-alive connections; in turn with the same requests to an empty `@asgi` handler (`empty.py`) in a
process of its own. `ratio` is our throughput at 128 clients by the empty handler's, medians over
the rounds; the load generator takes its share of the same cores on both sides. Every answer is
checked, and in the end the log: an entry per answer, on chains whose every link holds.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import track
from uuid_utils.compat import uuid7

from app.core import token
from app.core.token import TokenKind
from scripts.benches import wire, yardstick
from scripts.benches.common import BenchFailed, Figures, Result, machine, median, spread
from scripts.benches.empty import PATH
from scripts.benches.service import Service, service, settings_of
from scripts.benches.traders import Desk
from scripts.benches.wire import Timed
from scripts.clients.http import Api

GOAL = 0.5
CLIENTS = (1, 8, 32, 128)
ROUNDS = 5
TRADERS = 8
_PER_ROUND = {1: 400, 8: 1_600, 32: 3_200, 128: 6_400}
_SETTLE_SECONDS = 0.3
_NAMES = ("ours", "empty")

_NODE = """
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, secret_hash, jkt, scope, label,
                       expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, '{bench}', 'bench', $8)
"""
_GRANT = """
    INSERT INTO bot_grant (trader_id, grant_id, root_id, path, credential_id, approval_id,
                           model_jwk, limits, expires_at, granted_at, version, mac)
    VALUES ($1, $2, $3, $4, $5, $2, '{}', $6, $7, now(), 1, decode(repeat('00', 32), 'hex'))
"""
_LIMITS = (
    b'{"allocation":{"amount":"1000.00","quote":"USDT"},"free_limit":{"amount":"50.00","quote":'
    b'"USDT"},"markets":["BTCUSDT"],"max_order":{"amount":"100.00","quote":"USDT"},'
    b'"type":"bot.grant"}'
)
_ENTRIES = """
    SELECT count(*) FROM access_log WHERE event = 'token.introspected' AND rule = 'active'
"""
_BROKEN = """
    SELECT count(*) FROM (
        SELECT content_hash <> log_content_hash(access_log) OR previous_hash <> lag(entry_hash, 1,
                   decode(repeat('00', 32), 'hex')) OVER chained
               OR entry_hash <> sha256(previous_hash || content_hash) AS is_broken
          FROM access_log WINDOW chained AS (PARTITION BY trader_id, chain ORDER BY position)
    ) AS entry WHERE is_broken
"""


def run(console: Console) -> Result:
    """Measure on a service of our own; about a minute.

    Raises
    ------
    BenchFailed
        An answer was not what it must be, or is not in the log.
    """
    with service(console) as running:
        desk = Desk(running)
        tokens, server = asyncio.run(_plant(running, desk.phones(TRADERS)))
        with Api(running.addresses.api) as api:
            bearer = desk.platform(api).access_token().reveal()
        ready = [_request(running.addresses.api, bearer, text) for text in tokens]
        before = machine(running.directory)
        with empty_handler() as empty:
            origins = dict(zip(_NAMES, (running.addresses.api, empty), strict=True))
            wire.at_once(origins["ours"], [[one] * 20 for one in ready])
            wire.at_once(origins["empty"], [[one] * 20 for one in ready])
            asked, crowds = len(ready) * 20, dict[int, Figures]()
            for clients in CLIENTS:
                crowds[clients] = _crowd(console, ready[:clients], origins)
                asked += ROUNDS * (_PER_ROUND[clients] // clients) * clients
        log = asyncio.run(_check_log(running, asked))
        ratio = crowds[CLIENTS[-1]]["ratio"]
        figures: Figures = {f"{n}_clients": crowd for n, crowd in crowds.items()}
        figures |= {"traders": TRADERS, "log": log, "machine": before, "server": server}
        return Result("introspect", ratio, GOAL, figures, goal_is_floor=True)


def _crowd(console: Console, ready: Sequence[bytes], origins: dict[str, str]) -> Figures:
    rates: dict[str, list[float]] = {name: [] for name in _NAMES}
    took: dict[str, list[float]] = {name: [] for name in _NAMES}
    each = _PER_ROUND[len(ready)] // len(ready)
    for number in track(range(ROUNDS), f"{len(ready)} clients", console=console):
        for name in _NAMES if number % 2 else reversed(_NAMES):
            time.sleep(_SETTLE_SECONDS)
            answers, seconds = wire.at_once(origins[name], [[one] * each for one in ready])
            _check(answers, name)
            rates[name].append(len(answers) / seconds)
            took[name] += [answer.seconds for answer in answers]
    by_round = [a / b for a, b in zip(rates["ours"], rates["empty"], strict=True)]
    return {
        "ratio": round(median(rates["ours"]) / median(rates["empty"]), 3),
        "lowest_and_highest_of_a_round": [round(min(by_round), 2), round(max(by_round), 2)],
        **{
            name: {"requests_per_second": round(median(rates[name])), **spread(took[name])}
            for name in _NAMES
        },
    }


def _check(answers: Sequence[Timed], name: str) -> None:
    wire.check(answers, HTTPStatus.OK, what=name)
    if any(b'"active":true' not in answer.body for answer in answers):
        raise BenchFailed(f"{name}: a living token was called inactive")


def _request(origin: str, bearer: str, text: str) -> bytes:
    headers = {
        "Authorization": f"Bearer {bearer}",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "bench/1",
    }
    return wire.request(origin, "POST", PATH, headers, f"token={text}".encode())


@contextmanager
def empty_handler() -> Iterator[str]:
    """The empty handler's origin, while it runs."""
    port = yardstick.free_port()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "scripts.benches.empty", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches us first, and we end it in order
    )
    with yardstick.until_ended(process, port, what="the empty handler"):
        yield f"http://127.0.0.1:{port}"


async def _plant(running: Service, phones: Sequence[Any]) -> tuple[list[str], Figures]:
    """Grants straight into the database, as `trees` does and for its reason; a token of each."""
    tokens: list[str] = []
    per_trader = CLIENTS[-1] // len(phones)
    async with running.owner() as owner, owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")
        for phone in phones:
            tokens += await _grants(owner, phone.account.trader_id, per_trader)
        server = dict(await settings_of(owner))
    async with running.owner() as owner:
        await owner.execute("VACUUM (ANALYZE) token, bot_grant, trader, fence, client_token")
    # Neighbours in the list belong to different traders, so that few clients are many traders.
    return [one for n in range(per_trader) for one in tokens[n::per_trader]], server


async def _grants(owner: Any, trader_id: UUID, count: int) -> list[str]:
    root_id = await owner.fetchval("SELECT root_id FROM trader WHERE trader_id = $1", trader_id)
    expires_at, credential_id, tokens = datetime.now(UTC) + timedelta(days=1), uuid7(), []
    path = [root_id, credential_id]
    node = (trader_id, credential_id, "credential", root_id, path, None, None, expires_at)
    await owner.execute(_NODE, *node)
    for _ in range(count):
        bearer = token.mint(TokenKind.GRANT, trader_id, uuid7())
        own = [*path, bearer.token_id]
        held = (bearer.secret_hash(), "0" * 42 + "A", expires_at)
        await owner.execute(_NODE, trader_id, bearer.token_id, "grant", credential_id, own, *held)
        grant = (trader_id, bearer.token_id, root_id, own, credential_id, _LIMITS, expires_at)
        await owner.execute(_GRANT, *grant)
        tokens.append(bearer.reveal())
    return tokens


async def _check_log(running: Service, asked: int) -> Figures:
    async with running.owner() as owner:
        entries, broken = await owner.fetchval(_ENTRIES), await owner.fetchval(_BROKEN)
    if entries != asked or broken:
        raise BenchFailed(f"{asked} answers, {entries} entries in the log, {broken} broken links")
    return {"answers": asked, "entries": entries, "broken_links": broken}
