"""Hold a request until a box has something new."""

from collections.abc import Callable
from typing import TypeVar

from mock_push.box import Box, Numbered
from mock_push.status import InvalidArgumentError
from mock_push.world import World

MAX_WAIT_SECONDS = 25.0  # below the usual 30 s of clients and proxies

T = TypeVar("T")


async def read_box(
    find: Callable[[], Box[T]],
    is_away: Callable[[], bool],
    world: World,
    *,
    after: int,
    wait: float,
) -> list[Numbered[T]]:
    """The messages after a cursor; with `wait`, hold the request until there is one.

    Parameters
    ----------
    find
        The box; asked again each time, it may be gone meanwhile.

    Raises
    ------
    InvalidArgumentError
        `wait` is not between 0 and 25 seconds.
    """
    if not 0 <= wait <= MAX_WAIT_SECONDS:
        raise InvalidArgumentError("wait must be between 0 and 25 seconds.")
    left = wait
    while True:
        box, away, now = find(), is_away(), world.clock.now()
        unread = box.counts["stored"]
        items = box.take(after=after, now=now, away=away)
        if unread or items:
            world.journal.touch()
        if items or left <= 0 or world.line.closing:
            return items
        left = await box.wait(left, now=now, away=away)
