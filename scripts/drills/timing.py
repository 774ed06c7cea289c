"""`timing` (D54): unknown, revoked and foreign tokens take the same time to be refused.

Three kinds of tokens that do not count, at a route that takes them and at introspection, one
request at a time over one kept-alive connection, the kinds in a random order. `foreign` is a living
token: of another trader and bound to another key, or (introspection) of another platform's trader.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import combinations
from pathlib import Path

from rich.progress import Progress

from app.core import token
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from app.vault.client import HsmWorkers
from scripts.benches import wire
from scripts.benches.common import median, micros
from scripts.clients.keys import KeyPair
from scripts.drills.common import Ask, Drill, DrillFailed, Figures, Verdict
from scripts.drills.database import database
from scripts.drills.stage import ORIGIN, Stage, stage
from scripts.drills.traders import Bearer, Nursery, Trader
from scripts.drills.welch import BOUND, worst_t

DEFAULT_N = 10_000
"""Samples of each kind."""

_TRADERS, _BOTS = 40, 1
_CHUNK = 200
"""Requests made ready at once: a proof of possession is good for a minute."""

_WARM_UP = 300
_PATH, _INTROSPECT = "/v1/tokens", "/oauth/introspect"
_OK, _UNAUTHORIZED = 200, 401

Kinds = Mapping[str, Sequence[Token]]
Asking = Callable[[Token], bytes]


def run(ask: Ask) -> Verdict:
    """Two measurements of three kinds; about five minutes with the default.

    Raises
    ------
    DrillFailed
        The answers differ already in status or size, or a revoke did not succeed.
    """
    with (
        database(durable=False) as base,  # waiting for a disk would hide a difference
        tempfile.TemporaryDirectory(prefix="tc-") as folder,
        Progress(console=ask.console) as progress,
    ):

        async def drill() -> Verdict:
            async with stage(Path(folder), base) as running:
                return await _drill(running, ask, progress)

        return asyncio.run(drill())


async def _drill(running: Stage, ask: Ask, progress: Progress) -> Verdict:
    async with HsmWorkers(running.vault()) as workers:
        ours, theirs = (Nursery(running.owner, workers) for _ in range(2))
        for nursery in (ours, theirs):
            await nursery.open()
        alive, dead = await ours.plant(_TRADERS, _BOTS), await ours.plant(_TRADERS, _BOTS)
        foreign = await theirs.plant(_TRADERS, _BOTS)
    for trader in dead:
        await _revoke(running, trader)
    kinds: Kinds = {
        "unknown": [token.mint(TokenKind.DEVICE, one.trader_id, new_id()) for one in alive],
        "revoked": [one.phone.token for one in dead],
        "foreign": [one.phone.token for one in foreign],
    }
    keys = {one.phone.token: one.phone.key for one in dead}
    address = running.clients[0].address
    figures: Figures = {}
    draw, n = random.Random(ask.seed), ask.n or DEFAULT_N  # noqa: S311 - to be repeated
    for name, asking in (
        ("presented", _presenting(keys)),
        ("introspected", _introspecting(ours.client)),
    ):
        task = progress.add_task(name, total=n)
        measured = await asyncio.to_thread(
            _measure,
            address,
            kinds,
            asking,
            n,
            draw,
            partial(progress.advance, task),
        )
        figures[name] = _figures(measured)
    worst = max(one["worst_t"] for one in figures.values())
    return Verdict(worst < BOUND, {"seed": ask.seed, "samples_of_each_kind": n, **figures})


def _presenting(keys: Mapping[Token, KeyPair]) -> Asking:
    """A right proof by the token's own key where there is one, else by somebody's.

    As many stray keys as tokens of a kind: a service that knows a key again is quicker with it, and
    that says nothing of the token.
    """
    strays = [KeyPair.p256() for _ in range(_TRADERS)]

    def ready(presented: Token) -> bytes:
        text = presented.reveal()
        key = keys.get(presented, strays[presented.token_id.int % _TRADERS])
        proof = key.dpop_proof("GET", ORIGIN + _PATH, token=text)
        headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
        return wire.request(ORIGIN, "GET", _PATH, headers, b"")

    return ready


def _introspecting(client: Token) -> Asking:
    headers = {
        "Authorization": f"Bearer {client.reveal()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def ready(presented: Token) -> bytes:
        body = f"token={presented.reveal()}".encode()
        return wire.request(ORIGIN, "POST", _INTROSPECT, headers, body)

    return ready


def _measure(
    address: str, kinds: Kinds, asking: Asking, n: int, draw: random.Random,
    ended: Callable[[int], None],
) -> dict[str, list[float]]:  # fmt: skip
    """Seconds of each answer, by kind. All answers are the same, byte for byte."""
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    seen: set[tuple[int, bytes]] = set()
    with closing(wire.Connection(address)) as connection:
        for ready in _chunks(kinds, asking, _WARM_UP, draw):
            for _, request in ready:
                connection.exchange(request)
        for ready in _chunks(kinds, asking, n, draw):
            for kind, request in ready:
                answer = connection.exchange(request)
                took[kind].append(answer.seconds)
                seen.add((answer.status, answer.body))
            ended(len(ready) // len(kinds))
    if len(seen) != 1 or next(iter(seen))[0] not in {_OK, _UNAUTHORIZED}:
        raise DrillFailed(f"the answers differ: {sorted(seen)[:3]}")
    return took


def _chunks(
    kinds: Kinds, asking: Asking, n: int, draw: random.Random
) -> Iterator[list[tuple[str, bytes]]]:
    """`n` requests of each kind, in random order, made ready a chunk at a time."""
    for start in range(0, n, _CHUNK):
        order = [kind for kind in kinds for _ in range(min(_CHUNK, n - start))]
        draw.shuffle(order)
        yield [(kind, asking(draw.choice(kinds[kind]))) for kind in order]


def _figures(measured: Mapping[str, Sequence[float]]) -> Figures:
    pairs = {
        f"{a}_{b}": round(worst_t(measured[a], measured[b]), 2)
        for a, b in combinations(measured, 2)
    }
    medians = {f"{kind}_p50_us": micros(median(took)) for kind, took in measured.items()}
    return {"worst_t": max(pairs.values()), "t": pairs, **medians}


async def _revoke(running: Stage, trader: Trader) -> None:
    phone: Bearer = trader.phone
    path, text = "/v1/break-glass", phone.token.reveal()
    proof = phone.key.dpop_proof("POST", ORIGIN + path, token=text)
    headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
    answer = await running.clients[0].call("POST", path, headers, b"{}")
    if answer.status != _OK:
        raise DrillFailed(f"a revoke was answered {answer.status}")


DRILL = Drill(
    id="D54",
    name="timing",
    about="nobody tells unknown, revoked and foreign tokens apart by the clock",
    run=run,
)
