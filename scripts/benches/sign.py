"""`bench sign`: from an order request to a released venue request, beside a bare handler.

Both get the same bytes over the same kind of connection, in turn: a series of orders to us, the
same series to the bare handler (`bare.py`); who goes first changes every round. `ratio` is that of
the medians over all rounds of each round's p50, one client, the next order right after the answer.

"zones" is the bare handler cut into our processes and nothing else (`zones.py`): the floor that the
design sets, whatever is checked.

Right after the answer our own courier still sends the order and stores what the venue said, and on
a small machine the next order meets that work; the bare handler sends nothing. "paced" is the same
with a pause before every order, to us and to the bare handler, in which that work is over.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus

from rich.console import Console
from rich.progress import track

from scripts.benches import wire, yardstick
from scripts.benches.common import (
    BenchFailed,
    Figures,
    Result,
    machine,
    median,
    percentile,
    spread,
)
from scripts.benches.orders import OrderBook, open_venue
from scripts.benches.service import Service, service, settings_of
from scripts.benches.traders import MARKET, Desk, Trader
from scripts.benches.wire import Connection, Timed

GOAL = 1.5
ROUNDS, PER_ROUND = 20, 100
PACED_ROUNDS, PER_PACED_ROUND = 8, 40
CROWDS = (8, 32)
_PAUSE_SECONDS = 0.01
_CROWD_ROUNDS, _PER_CLIENT = 3, 20
_SETTLE_SECONDS = 0.3
"""Between two series: what the first set in motion at the venue must not run on in the second."""

_PRICE_SECONDS, _OUTCOME_SECONDS = 20.0, 60.0
_PRICED = """
    SELECT EXISTS (SELECT FROM market_price JOIN market_snapshot USING (venue_id, market)
                    WHERE market = $1)
"""
_NAMES = ("ours", "bare")


@dataclass
class Series:
    """Latencies in seconds of each side, one list per round."""

    ours: list[list[float]] = field(default_factory=list)
    bare: list[list[float]] = field(default_factory=list)
    zones: list[list[float]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return median(_p50s(self.ours)) / median(_p50s(self.bare))

    def figures(self) -> Figures:
        by_round = [a / b for a, b in zip(_p50s(self.ours), _p50s(self.bare), strict=True)]
        return {
            "ratio": round(self.ratio, 2),
            "lowest_and_highest_of_a_round": [round(min(by_round), 2), round(max(by_round), 2)],
            "rounds": len(by_round),
            "ours": spread([seconds for one in self.ours for seconds in one]),
            "bare": spread([seconds for one in self.bare for seconds in one]),
            **self._floor(),
        }

    def _floor(self) -> Figures:
        if not self.zones:
            return {}
        floor = median(_p50s(self.zones))
        return {
            "zones": spread([seconds for one in self.zones for seconds in one]),
            "ratio_of_zones_alone": round(floor / median(_p50s(self.bare)), 2),
        }


def _p50s(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [percentile(one, 50) for one in rounds]


def run(console: Console) -> Result:
    """Measure on a service of our own; about a minute and a half.

    Raises
    ------
    BenchFailed
        An order was refused, by us or by the venue, or a commit is not durable here.
    """
    with service(console) as running:
        console.print(f"making {max(CROWDS)} traders, each with a phone, a key and a bot")
        traders = Desk(running).traders(max(CROWDS))
        server = asyncio.run(_prepare(running, traders))
        intent, ours = open_venue(running), running.addresses.api
        books = [OrderBook(trader, ours, intent) for trader in traders]
        before = machine(running.directory)
        with (
            yardstick.running(running, traders[0]) as bare,
            yardstick.running(running, traders[0], "scripts.benches.zones") as zones,
        ):
            with (
                closing(Connection(ours)) as to_us,
                closing(Connection(bare)) as to_bare,
                closing(Connection(zones)) as to_zones,
            ):
                _warm_up(books[0], to_us, to_bare, to_zones)
                one = _one_client(console, books[0], to_us, to_bare, to_zones)
                paced = _paced(console, books[0], to_us, to_bare)
            crowds = {
                f"{clients}_clients": _crowd(console, books[:clients], ours, bare)
                for clients in CROWDS
            }
        orders = asyncio.run(_outcomes(running))
        figures: Figures = {"one_client": one.figures(), "paced": paced.figures(), **crowds}
        figures |= {"orders": orders, "machine": before, "server": server}
        return Result("sign", one.ratio, GOAL, figures)


async def _prepare(running: Service, traders: Sequence[Trader]) -> Figures:
    await yardstick.make_database(running, traders)
    async with running.owner() as connection:
        deadline = time.monotonic() + _PRICE_SECONDS
        while not await connection.fetchval(_PRICED, MARKET):
            if time.monotonic() >= deadline:
                raise BenchFailed("the courier brought no price of the market")
            await asyncio.sleep(_SETTLE_SECONDS)
        return dict(await settings_of(connection))


def _warm_up(book: OrderBook, *sides: Connection) -> None:
    ready = book.ready(2 * PER_ROUND)
    for side in sides:
        _seconds([side.exchange(one) for one in ready], "a side")


def _one_client(
    console: Console,
    book: OrderBook,
    to_us: Connection,
    to_bare: Connection,
    to_zones: Connection,
) -> Series:
    series = Series()
    for number in track(range(ROUNDS), "one client", console=console):
        ready = book.ready(PER_ROUND)
        sides = [
            (to_us, "we", series.ours),
            (to_bare, "the bare handler", series.bare),
            (to_zones, "the bare handler in zones", series.zones),
        ]
        for connection, name, kept in sides if number % 2 else reversed(sides):
            time.sleep(_SETTLE_SECONDS)
            kept.append(_seconds([connection.exchange(one) for one in ready], name))
    return series


def _paced(console: Console, book: OrderBook, to_us: Connection, to_bare: Connection) -> Series:
    series = Series()
    for _ in track(range(PACED_ROUNDS), "one client, paced", console=console):
        ours: list[Timed] = []
        bare: list[Timed] = []
        for ready in book.ready(PER_PACED_ROUND):
            for connection, kept in ((to_us, ours), (to_bare, bare)):
                time.sleep(_PAUSE_SECONDS)
                kept.append(connection.exchange(ready))
        series.ours.append(_seconds(ours, "we"))
        series.bare.append(_seconds(bare, "the bare handler"))
    return series


def _crowd(console: Console, books: Sequence[OrderBook], ours: str, bare: str) -> Figures:
    """Closed loops of one client per trader: latencies and orders a second of both sides."""
    took: dict[str, list[float]] = {name: [] for name in _NAMES}
    rates: dict[str, list[float]] = {name: [] for name in _NAMES}
    for _ in track(range(_CROWD_ROUNDS), f"{len(books)} clients", console=console):
        ready = [book.ready(_PER_CLIENT) for book in books]
        for name, origin in zip(_NAMES, (ours, bare), strict=True):
            time.sleep(_SETTLE_SECONDS)
            answers, seconds = wire.at_once(origin, ready)
            took[name] += _seconds(answers, name)
            rates[name].append(len(answers) / seconds)
    return {
        name: {**spread(took[name]), "orders_a_second": round(median(rates[name]))}
        for name in _NAMES
    }


async def _outcomes(running: Service) -> Figures:
    """How many orders there were, once the venue has said its word on each of them.

    Raises
    ------
    BenchFailed
        The venue did not take every one: then they were no venue requests.
    """
    deadline = time.monotonic() + _OUTCOME_SECONDS
    async with running.owner() as connection:
        while True:
            rows = await connection.fetch("SELECT state, count(*) FROM bot_order GROUP BY state")
            states = {row["state"]: row["count"] for row in rows}
            if not states.keys() & {"released", "unknown"}:
                break
            if time.monotonic() >= deadline:
                raise BenchFailed(f"the venue said nothing about some orders: {states}")
            await asyncio.sleep(_SETTLE_SECONDS)
    if states.keys() != {"cancelled"}:
        raise BenchFailed(f"an order that never trades must end cancelled, and these did: {states}")
    return {"taken_by_the_venue": sum(states.values())}


def _seconds(answers: Sequence[Timed], who: str) -> list[float]:
    wire.check(answers, HTTPStatus.CREATED, what=who)
    return [answer.seconds for answer in answers]
