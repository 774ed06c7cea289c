"""Connections are lent once at a time, to who waited longest, and never in a state nobody knows."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from app.db.lending import Lending


class Connection:
    """The far end, as much of asyncpg's connection as lending asks for."""

    def __init__(self) -> None:
        self.closed = False
        self.in_transaction = False

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return self.in_transaction

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True


def lending(most: int) -> tuple[Lending, list[Connection]]:
    opened: list[Connection] = []

    async def connect() -> Any:
        await asyncio.sleep(0)
        opened.append(Connection())
        return opened[-1]

    return Lending(connect, most=most), opened


async def test_no_connection_is_lent_twice_and_no_more_than_most_are_opened() -> None:
    lent, opened = lending(3)
    in_use: set[Any] = set()

    async def use(number: int) -> None:
        for _ in range(20):
            connection = await lent.take(5)
            assert connection not in in_use
            in_use.add(connection)
            await asyncio.sleep(0)
            in_use.discard(connection)
            match number % 4:
                case 0:
                    lent.drop(connection)
                case 1:
                    connection.closed = True
                    lent.give_back(connection)
                case _:
                    lent.give_back(connection)
            assert len([one for one in opened if not one.closed]) <= 3

    await asyncio.gather(*(use(number) for number in range(12)))


async def test_who_waited_longest_is_next() -> None:
    lent, _ = lending(1)
    first, order = await lent.take(1), []

    async def wait(number: int) -> None:
        connection = await lent.take(1)
        order.append(number)
        lent.give_back(connection)

    waiting = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    lent.give_back(first)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_waiting_ends_in_time_and_leaves_no_place_behind() -> None:
    lent, _ = lending(1)
    held = await lent.take(1)
    with pytest.raises(TimeoutError):
        await lent.take(0.01)
    lent.give_back(held)
    assert await lent.take(0.01) is held


async def test_a_waiter_that_is_cancelled_at_its_turn_passes_it_on() -> None:
    lent, _ = lending(1)
    held = await lent.take(1)
    gone = asyncio.create_task(lent.take(1))
    next_one = asyncio.create_task(lent.take(1))
    await asyncio.sleep(0)
    lent.give_back(held)
    gone.cancel()
    with suppress(asyncio.CancelledError):
        lent.give_back(await gone)
    assert await asyncio.wait_for(next_one, 1) is held


async def test_one_in_a_transaction_or_ended_by_the_server_is_not_lent_again() -> None:
    lent, opened = lending(1)
    first = await lent.take(1)
    first.in_transaction = True
    lent.give_back(first)
    second = await lent.take(1)
    assert first.closed
    assert second is opened[1]
    lent.give_back(second)
    second.closed = True
    assert await lent.take(1) is opened[2]


async def test_what_cannot_connect_leaves_room_for_the_next_try() -> None:
    tries = 0

    async def connect() -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("no server")
        return Connection()

    lent = Lending(connect, most=1)
    for _ in range(2):
        with pytest.raises(OSError, match="no server"):
            await lent.take(1)
    assert await lent.take(1)


async def test_closing_cuts_off_what_is_still_lent() -> None:
    lent, _ = lending(2)
    await lent.open(2)
    held = await lent.take(1)
    await lent.close(1)
    assert held.is_closed()
