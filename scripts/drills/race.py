"""Random interleavings of fences, orders and new children, with connections killed meanwhile.

Each interleaving is a handful of calls that start within a few milliseconds of each other, through
both apis, on one trader; several traders are under way at once. After an acknowledged fence the
other api is asked for one order more: it began afterwards, whatever the clocks of servers say.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.core import token
from app.core.errors import DomainError
from app.db.pool import Database
from app.tokens.models import Level
from scripts.drills.asking import narrow_statement, new_grant, order_statement
from scripts.drills.history import Kind, Op, Result
from scripts.drills.stage import ORIGIN, Stage
from scripts.drills.traders import Bearer, Nursery, Trader
from scripts.drills.wire import Answer, Client

ROUNDS = 3
"""Interleavings per trader: about one bot, about another, about what all of them hang on."""

BOTS = ROUNDS + 1
AT_ONCE = 12
_SPREAD_SECONDS = 0.012
"""Calls of one interleaving start within this time: about as long as three of them take."""

_LATER = (1, 4, 16)
_KILL_SECONDS = (0.02, 0.25)
_HTTP_OK, _CREATED = 200, 201
_NOT_USED = frozenset({0, 401, 429, 500, 503})
"""After these nobody knows that the token shown was taken for one."""

_CLEAN_UP_ONE_IN = 8
_NARROW_ONE_IN, _ROTATE_ONE_IN = 4, 3
_MILDER = (Level.REDUCE_ONLY, Level.CANCEL_ONLY, Level.READ_ONLY, Level.FROZEN)

_TIGHTEN = """
    SELECT log_position FROM tighten($1, $2, $3, 'drill', 'operator:drill', NULL, NULL, NULL, NULL,
                                     NULL, NULL, NULL)
"""
_KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND usename = ANY ($1) AND pid <> pg_backend_pid()
     ORDER BY (state <> 'idle') DESC, md5(pid::text || $2) LIMIT 1
"""
_VICTIMS = ["tripcord_api", "tripcord_cord", "tripcord_signer", "tripcord_operator"]


@dataclass
class Played:
    """What was done and seen. `ops` grows in no order; `killed` are connections."""

    ops: list[Op] = field(default_factory=list)
    interleavings: int = 0
    killed: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Of orders, by problem code."""


class Race:
    def __init__(self, stage: Stage, nursery: Nursery, operator: Database, seed: int) -> None:
        self._stage, self._nursery, self._operator = stage, nursery, operator
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.played = Played()

    async def play(self, traders: Sequence[Trader], ended: Callable[[int], None]) -> None:
        """All rounds of all traders; `ended` hears of every trader that is through."""
        queue = list(traders)

        async def worker() -> None:
            while queue:
                trader = queue.pop()
                await _Scene(self, trader, random.Random(self._random.random())).play()  # noqa: S311
                ended(ROUNDS)

        killing = asyncio.create_task(self._kill())
        try:
            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)

    @property
    def stage(self) -> Stage:
        return self._stage

    @property
    def nursery(self) -> Nursery:
        return self._nursery

    async def tighten(self, trader_id: UUID, node: UUID, level: Level) -> int | None:
        """An operator's fence, over that role's own connection; None when it was lost."""
        with suppress(DomainError):
            async with self._operator.transaction() as tx:
                position: int = await tx.fetchval(_TIGHTEN, trader_id, node, int(level))
            return position
        return None

    async def _kill(self) -> None:
        """End connections, the busy ones first, until cancelled."""
        while True:
            await asyncio.sleep(self._random.uniform(*_KILL_SECONDS))
            salt = str(self._random.random())
            if await self._stage.owner.fetchval(_KILL, _VICTIMS, salt):
                self.played.killed += 1


class _Scene:
    """One trader's interleavings, one after the other."""

    def __init__(self, race: Race, trader: Trader, draw: random.Random) -> None:
        self._race, self._trader, self._draw = race, trader, draw
        self._sequences = {bot.path[-1]: 0 for bot in (*trader.bots, *trader.subs)}
        self._revocations: list[UUID] = []
        self._bearers = {bot.path[-1]: bot for bot in (*trader.bots, *trader.subs)}
        """With the newest secret that we were told of."""

    async def play(self) -> None:
        fences = [self._revoke_bot, self._tighten_bot]
        self._draw.shuffle(fences)
        last = self._draw.choice((self._tighten_key, self._cut, self._cut, self._cut))
        for target, fence in zip(self._trader.bots, [*fences, last], strict=False):
            await self._interleave(target, fence)
            self._race.played.interleavings += 1
        for revocation_id in self._revocations:
            await self._race.stage.far_end.clean_up(self._trader.trader_id, revocation_id)

    async def _interleave(self, target: Bearer, fence: Callable[[Bearer], Awaitable[bool]]) -> None:
        bystander = self._trader.bots[-1]  # never the target: life goes on beside a fence

        async def fenced() -> None:
            if await fence(target):
                await self._order(self._one_below(target))

        calls: list[Callable[[], Awaitable[object]]] = [fenced, self._issue]
        calls += [lambda: self._order(self._one_below(target))] * self._draw.choice((1, 2, 2, 3))
        calls += [lambda: self._order(bystander)] * self._draw.choice((0, 1))
        if self._draw.randrange(_NARROW_ONE_IN) == 0:
            calls.append(lambda: self._narrow(target))
        if self._draw.randrange(_ROTATE_ONE_IN) == 0:
            calls.append(lambda: self._rotate(self._one_below(target)))
        delays = [self._draw.uniform(0, _SPREAD_SECONDS) for _ in calls]
        delays[0] *= self._draw.choice(_LATER)  # a fence is quicker than a signature

        async def later(call: Callable[[], Awaitable[object]], delay: float) -> None:
            await asyncio.sleep(delay)
            await call()

        await asyncio.gather(*map(later, calls, delays))

    def _one_below(self, bot: Bearer) -> Bearer:
        """The bot itself, or the one whose grant hangs below its grant."""
        below = self._trader.subs[self._trader.bots.index(bot)]
        return self._draw.choice((bot, below))

    async def _order(self, bot: Bearer, kind: Kind = "order") -> Answer:
        if kind == "order":
            bot = self._bearers[bot.path[-1]]
        self._sequences[bot.path[-1]] += 1
        statement = order_statement(self._trader, bot, self._sequences[bot.path[-1]])
        body = f'{{"order":"{statement}"}}'.encode()
        began = time.monotonic_ns()
        answer = await self._call("POST", "/v1/orders", bot, body)
        released = answer.status == _CREATED and answer.json()["state"] == "released"
        order_id = UUID(answer.json()["order_id"]) if released else None
        self._keep(kind, bot.path, began, answer, order_id, ok=released)
        if not released and answer.status:
            self._race.played.refusals[answer.json()["type"].rpartition(":")[2]] += 1
        return answer

    async def _issue(self) -> None:
        """A platform asks for a new grant on the key: a child is born, dead until approved."""
        client, path = self._race.nursery.client, self._trader.key_path
        headers = {"Authorization": f"Bearer {client.reveal()}"}
        body = json.dumps(new_grant(self._trader)).encode()
        began = time.monotonic_ns()
        answer = await self._client().call("POST", "/v1/tokens", headers, body)
        ok = answer.status == _CREATED
        subject = UUID(answer.json()["token_id"]) if ok else None
        self._keep("issue", path, began, answer, subject, ok=ok)

    async def _narrow(self, bot: Bearer) -> None:
        """Less for a bot, by its trader's phone; once it is so, ask for an order that is more."""
        body = json.dumps({"statement": narrow_statement(self._trader, bot)}).encode()
        began, target = time.monotonic_ns(), f"/v1/tokens/{bot.path[-1]}/limits"
        answer = await self._call("PATCH", target, self._trader.phone, body)
        ok = answer.status == _HTTP_OK
        self._keep("narrow", bot.path, began, answer, ok=ok)
        if ok:
            await self._order(self._one_below(bot))

    async def _rotate(self, bot: Bearer) -> None:
        """A new secret, by the bot or by the phone. Used once, it is the only one."""
        old = self._bearers[bot.path[-1]]
        asker = self._draw.choice((old, self._trader.phone))
        began, target = time.monotonic_ns(), f"/v1/tokens/{bot.path[-1]}/rotate"
        answer = await self._call("POST", target, asker)
        ok = answer.status == _HTTP_OK
        self._keep("rotate", bot.path, began, answer, ok=ok)
        if ok:
            new = replace(old, token=token.parse(answer.json()["token"]))
            self._bearers[bot.path[-1]] = new
            if (await self._order(new)).status not in _NOT_USED:
                await self._order(old, "old_secret")

    async def _revoke_bot(self, bot: Bearer) -> bool:
        return await self._revoke("DELETE", f"/v1/tokens/{bot.path[-1]}", bot.path)

    async def _tighten_bot(self, bot: Bearer) -> bool:
        return await self._tighten(bot.path)

    async def _tighten_key(self, _: Bearer) -> bool:
        return await self._tighten(self._trader.key_path)

    async def _cut(self, _: Bearer) -> bool:
        """The end: the key revoked, or the root, by each of the three ways to pull."""
        trader = self._trader
        match self._draw.randrange(4):
            case 0:
                return await self._revoke("POST", "/v1/break-glass", trader.root_path, b"{}")
            case 1:
                body = json.dumps({"card": trader.card.reveal()}).encode()
                path = "/v1/revocation-cards/redeem"
                return await self._revoke("POST", path, trader.root_path, body, bare=True)
            case 2:
                target = f"/v1/tokens/{trader.root_path[-1]}"
                return await self._revoke("DELETE", target, trader.root_path)
            case _:
                target = f"/v1/tokens/{trader.key_path[-1]}"
                return await self._revoke("DELETE", target, trader.key_path)

    async def _revoke(
        self, method: str, target: str, path: tuple[UUID, ...], body: bytes = b"", *,
        bare: bool = False,
    ) -> bool:  # fmt: skip
        began = time.monotonic_ns()
        if bare:
            answer = await self._client().call(method, target, {}, body)
        else:
            answer = await self._call(method, target, self._trader.phone, body)
        ok = answer.status == _HTTP_OK
        position = answer.json()["position"] if ok else None
        self._keep("fence", path, began, answer, None, position, ok=ok)
        if ok and self._draw.randrange(_CLEAN_UP_ONE_IN) == 0:
            self._revocations.append(UUID(answer.json()["revocation_id"]))
        return ok

    async def _tighten(self, path: tuple[UUID, ...]) -> bool:
        level, began = self._draw.choice(_MILDER), time.monotonic_ns()
        position = await self._race.tighten(self._trader.trader_id, path[-1], level)
        ok, lost = position is not None, Answer(0, b"")
        self._keep("fence", path, began, lost, None, position, ok=ok)
        return ok

    def _keep(
        self, kind: Kind, path: tuple[UUID, ...], began: int, answer: Answer,
        subject: UUID | None = None, position: int | None = None, *, ok: bool,
    ) -> None:  # fmt: skip
        result: Result = "ok" if ok else "unknown" if answer.is_unknown else "refused"
        ended = time.monotonic_ns()
        self._race.played.ops.append(
            Op(kind, self._trader.trader_id, path, began, ended, result, subject, position)
        )

    def _client(self) -> Client:
        return self._draw.choice(self._race.stage.clients)

    async def _call(self, method: str, target: str, bearer: Bearer, body: bytes = b"") -> Answer:
        text = bearer.token.reveal()
        proof = bearer.key.dpop_proof(method, ORIGIN + target, token=text)
        headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
        return await self._client().call(method, target, headers, body)
