"""Use of connections that are held open for long and asked for rarely."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from app.db.errors import DatabaseUnavailable
from app.db.pool import Tx

_Found = TypeVar("_Found")


async def once_more(
    opened: Callable[[], AbstractAsyncContextManager[Tx]], work: Callable[[Tx], Awaitable[_Found]]
) -> _Found:
    """Do `work` on a held connection, and on a fresh one where that turns out to be dead.

    That the server has cut a connection nobody used for hours is noticed by using it, and a person
    who pulls the cord must not be the one to notice. What is done so may be done twice: a revoke
    that did commit before its reply was lost is answered by a second one.

    Raises
    ------
    DatabaseUnavailable
        Twice.
    """
    try:
        async with opened() as tx:
            return await work(tx)
    except DatabaseUnavailable:
        async with opened() as tx:
            return await work(tx)
