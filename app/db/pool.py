"""Connections and transactions: the only module that imports asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, Self
from uuid import UUID

import asyncpg

from app.db.errors import Conflict, DatabaseUnavailable, TraderBusy
from app.db.lending import Lending
from app.db.queue import TraderQueue

Row = Mapping[str, Any]

ACQUIRE_SECONDS = 2.0
"""Longest wait for a free connection; then the answer is 503, never a hang."""

COMMAND_SECONDS = 5.0
"""Longest any single statement may take on the client's clock."""

CLOSE_SECONDS = 5.0
"""How long connections may take to end in order."""

_SIGNER_SETTINGS = {"lock_timeout": "1000", "idle_in_transaction_session_timeout": "1000"}
"""Milliseconds. A signer that hangs with the lock in hand loses it (DESIGN section 5)."""


class Tx(Protocol):
    """An open transaction, as much of it as stores may use."""

    async def execute(self, query: str, *args: object) -> str: ...
    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> None: ...
    async def fetch(self, query: str, *args: object) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: object) -> Row | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...


class Database:
    """Transactions on connections that are held, and not reset, between uses.

    Nothing here sets session state, so there is nothing to reset.
    """

    def __init__(self, lending: Lending) -> None:
        self._lending = lending
        self._queue = TraderQueue()

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        password: str | None = None,
        min_size: int = 2,
        max_size: int = 10,
        short_locks: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Open a pool.

        `short_locks` gives up a lock, or an idle transaction, after one second (the signer).
        """
        server_settings = {"application_name": "tripcord", "timezone": "UTC", **(settings or {})}
        if short_locks:
            server_settings |= _SIGNER_SETTINGS
        lending = Lending(
            partial(
                asyncpg.connect,
                dsn,
                password=password,
                command_timeout=COMMAND_SECONDS,
                server_settings=server_settings,
            ),
            most=max_size,
        )
        with _translated():
            await lending.open(min_size)
        return cls(lending)

    async def close(self) -> None:
        await self._lending.close(CLOSE_SECONDS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commit on normal exit, roll back on any exception."""
        with _translated():
            async with self._lent() as connection, connection.transaction():
                yield _Statements(connection)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Tx]:
        """A connection whose every statement is its own transaction: for reads."""
        with _translated():
            async with self._lent() as connection:
                yield _Statements(connection)

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        connection = await self._lending.take(ACQUIRE_SECONDS)
        try:
            yield connection
        except (asyncio.CancelledError, TimeoutError):
            # Something may still be under way on it: it is not lent again.
            self._lending.drop(connection)
            raise
        except BaseException:
            self._lending.give_back(connection)
            raise
        else:
            self._lending.give_back(connection)

    @asynccontextmanager
    async def locked(self, trader_id: UUID) -> AsyncIterator[Tx]:
        """A transaction that holds the trader's lock from its first statement on.

        Everything read inside is read after the lock, in a later statement, so a revoke that was
        acknowledged before is always seen. Call it only after authentication.

        Raises
        ------
        TraderBusy
            Four wait already, or the lock was not granted in time.
        """
        with self._queue.place(trader_id):
            async with self.transaction() as tx:
                await tx.fetchval("SELECT lock_trader($1)", trader_id)
                yield tx

    @asynccontextmanager
    async def signing(self, trader_id: UUID) -> AsyncIterator[Tx]:
        """Like `locked`, for the signing path, whose first call `begin_signing` takes the lock."""
        with self._queue.place(trader_id):
            async with self.transaction() as tx:
                yield tx


class _Statements:
    """A connection whose every statement raises our errors, so that stores can catch them."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def execute(self, query: str, *args: object) -> str:
        with _translated():
            return str(await self._connection.execute(query, *args))

    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> None:
        with _translated():
            await self._connection.executemany(query, args)

    async def fetch(self, query: str, *args: object) -> list[Row]:
        with _translated():
            rows: list[Row] = await self._connection.fetch(query, *args)
            return rows

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        with _translated():
            row: Row | None = await self._connection.fetchrow(query, *args)
            return row

    async def fetchval(self, query: str, *args: object) -> Any:
        with _translated():
            return await self._connection.fetchval(query, *args)


class _translated:  # noqa: N801 - reads as a statement: `with _translated():`
    """Turn the driver's exceptions into ours; everything unknown is a fault, not a yes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        match error:
            case asyncpg.LockNotAvailableError():
                raise TraderBusy(retry_after_seconds=1) from error
            case asyncpg.IntegrityConstraintViolationError():
                raise Conflict(error.constraint_name or error.sqlstate or "") from error
            case asyncpg.PostgresError() if (error.sqlstate or "").startswith("TC"):
                raise Conflict(error.sqlstate or "") from error
            case (
                asyncpg.PostgresConnectionError()
                | asyncpg.InterfaceError()
                | asyncpg.InternalClientError()  # the connection was lost between two messages
                | asyncpg.CannotConnectNowError()
                | asyncpg.TooManyConnectionsError()
                | asyncpg.AdminShutdownError()
                | asyncpg.CrashShutdownError()
                | asyncpg.IdleInTransactionSessionTimeoutError()
                | asyncpg.QueryCanceledError()
                | asyncpg.DiskFullError()
                | asyncpg.ReadOnlySQLTransactionError()
            ):
                raise DatabaseUnavailable from error
            case OSError() | TimeoutError():
                raise DatabaseUnavailable from error
            case _:
                return
