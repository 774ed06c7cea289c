"""`bench cascade`: what revoking a node costs with 1,000 and with 1,000,000 descendants.

The revoke is a phone's `DELETE /v1/tokens/{id}`, in turn in a small and in a large tree; `ratio` is
the large trees' median by that of the small ones. Before and after each revoke the platform
introspects the token of a witness below the node; in the end every descendant's level is read.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus

from rich.console import Console
from rich.progress import track

from scripts.benches import trees, wire
from scripts.benches.common import (
    BenchFailed,
    Figures,
    Result,
    machine,
    median,
    micros,
    percentile,
    spread,
)
from scripts.benches.service import Service, service, settings_of
from scripts.benches.traders import Desk
from scripts.benches.trees import Branch, Tree
from scripts.benches.wire import Connection
from scripts.clients.http import Api
from scripts.clients.phone import Phone
from scripts.clients.platform import Platform

GOAL = 1.5
FEW, MANY = 1_000, 1_000_000
TREES = 2
"""Of each size, with eight revokes each; one more small one to warm up with."""

_SETTLE_SECONDS = 0.2
_REVOKED = 5


@dataclass(frozen=True, slots=True)
class Cord:
    """A phone and the tree it can revoke parts of."""

    phone: Phone
    tree: Tree

    def request(self, origin: str, branch: Branch) -> bytes:
        """A ready-made revoke of one node."""
        path = f"/v1/tokens/{branch.node_id}"
        headers = self.phone.auth.headers("DELETE", origin + path, None)
        return wire.request(origin, "DELETE", path, headers, b"")


def run(console: Console, *, few: int = FEW, many: int = MANY) -> Result:
    """Measure on a service of our own; about a minute, and 1.5 GB of disk while it runs.

    Raises
    ------
    BenchFailed
        A revoke was refused, or something under a revoked node still lives.
    """
    with service(console) as running:
        desk = Desk(running)
        phones = desk.phones(2 * TREES + 1)
        sizes = [few] * (TREES + 1) + [many] * TREES
        cords, server = asyncio.run(_plant(console, running, phones, sizes))
        before = machine(running.directory)
        with (
            closing(Connection(running.addresses.api)) as line,
            Api(running.addresses.api) as api,
        ):
            race = _Race(running.addresses.api, line, desk.platform(api))
            race.revoke(cords[0])
            race.took.clear()
            small, large = cords[1 : TREES + 1], cords[TREES + 1 :]
            for pair in track(list(zip(small, large, strict=True)), "trees", console=console):
                race.revoke(*pair)
        asyncio.run(_check_all_dead(running, [*small, *large]))
        seconds = [[s for leaves, s in race.took if leaves == size] for size in (few, many)]
        figures: Figures = {
            f"{size}_descendants": {**spread(s), "max_us": micros(percentile(s, 100))}
            for size, s in zip((few, many), seconds, strict=True)
        }
        figures |= {"revokes_of_each": len(seconds[0]), "machine": before, "server": server}
        return Result("cascade", median(seconds[1]) / median(seconds[0]), GOAL, figures)


class _Race:
    """Revokes in turn, each of them checked; `took` has (leaves, seconds) of every one."""

    def __init__(self, origin: str, line: Connection, platform: Platform) -> None:
        self._origin, self._line, self._platform = origin, line, platform
        self.took: list[tuple[int, float]] = []

    def revoke(self, *cords: Cord) -> None:
        """All nodes of these trees, lowest first, a tree after the other; every other turn back."""
        for turn in range(trees.CHAIN):
            for cord in cords if turn % 2 else cords[::-1]:
                self._revoke(cord, cord.tree.branches[turn])

    def _revoke(self, cord: Cord, branch: Branch) -> None:
        lives = self._platform.introspect(branch.witness)
        if not lives["active"]:
            raise BenchFailed("the witness was dead before its node was revoked")
        ready = cord.request(self._origin, branch)
        time.sleep(_SETTLE_SECONDS)
        answer = self._line.exchange(ready)
        wire.check([answer], HTTPStatus.OK, what="the revoke")
        if self._platform.introspect(branch.witness) != {"active": False}:
            raise BenchFailed("the witness lives although its node was revoked")
        self.took.append((cord.tree.leaves, answer.seconds))


async def _plant(
    console: Console, running: Service, phones: Sequence[Phone], sizes: Sequence[int]
) -> tuple[list[Cord], Figures]:
    cords: list[Cord] = []
    async with running.owner() as owner:
        for phone, leaves in zip(phones, sizes, strict=True):
            console.print(f"planting a tree of {leaves:,} leaves")
            tree = await trees.plant(owner, phone.account.trader_id, leaves)
            await trees.check_size(owner, tree)
            cords.append(Cord(phone, tree))
        # What PostgreSQL would do some day in the background must not fall into a measurement.
        await owner.execute("VACUUM (ANALYZE, FREEZE) token")
        await owner.execute("CHECKPOINT")
        return cords, dict(await settings_of(owner))


async def _check_all_dead(running: Service, cords: Sequence[Cord]) -> None:
    async with running.owner() as owner:
        for cord in cords:
            levels = await trees.levels_below(owner, cord.tree, cord.tree.branches[-1])
            if levels.keys() != {_REVOKED}:
                raise BenchFailed(f"levels under a revoked node (level: nodes): {levels}")
