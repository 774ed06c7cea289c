"""Editing rows as somebody who has the database: beneath triggers, grants and foreign keys."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from tests.signing.parts import Signer

Attempt = Callable[[], Awaitable[str]]
OTHER_ID, LATER = "gen_random_uuid()", "{} + interval '1 microsecond'"
MORE, NEXT, HASHED = "{} || 'x'", "{} + 1", "sha256({})"


class Row:
    """One row of a table, found by one of its id columns."""

    def __init__(self, signer: Signer, table: str, key: str, row_id: UUID) -> None:
        self._signer, self.table, self._key, self._id = signer, table, key, row_id

    async def columns(self) -> list[str]:
        row = await self._read()
        return list(row.keys())

    async def refusals(
        self, edits: Mapping[str, str], attempt: Attempt, *, value: Any = None
    ) -> dict[str, str]:
        """Edit one column after the other, attempt, undo: what each attempt was refused with.

        An edit is an SQL expression; "{}" is the column, "$2" is `value`. Afterwards the row is
        as it was. Fails where an attempt succeeded or something was signed.
        """
        found, before = {}, self._signer.signatures()
        for column, expression in edits.items():
            original = await self._read()
            edited = await self._edit(column, expression.format(column), value)
            try:
                found[column] = await attempt()
            finally:
                await self._undo(original, edited)
            assert found[column], f"{self.table}.{column} was edited and believed"
            assert self._signer.signatures() == before, f"{self.table}.{column} led to a signature"
        return found

    async def _read(self) -> Any:
        return await self._signer.admin.fetchrow(
            f"SELECT * FROM {self.table} WHERE {self._key} = $1", self._id
        )

    async def _edit(self, column: str, expression: str, value: Any) -> Any:
        arguments = [self._id, *([value] if "$2" in expression else [])]
        async with self._signer.admin.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = 'replica'")
            return await connection.fetchrow(
                f"UPDATE {self.table} SET {column} = {expression} WHERE {self._key} = $1"
                f" RETURNING trader_id, {self._key}",
                *arguments,
            )

    async def _undo(self, original: Any, edited: Any) -> None:
        holes = ", ".join(f"${number}" for number in range(1, len(original) + 1))
        await self._signer.as_owner(
            (f"DELETE FROM {self.table} WHERE trader_id = $1 AND {self._key} = $2", *edited),
            (f"INSERT INTO {self.table} VALUES ({holes})", *original.values()),
        )


async def swap(signer: Signer, table: str, key: str, one: UUID, other: UUID) -> None:
    """Exchange everything but the ids between two rows of a table of wrapped keys."""
    rows = {
        row_id: await signer.admin.fetchrow(f"SELECT * FROM {table} WHERE {key} = $1", row_id)
        for row_id in (one, other)
    }
    for target, source in ((one, rows[other]), (other, rows[one])):
        await signer.as_owner(
            (f"UPDATE {table} SET shard = $2, blob = $3, blob_mac = $4 WHERE {key} = $1",
             target, source["shard"], source["blob"], source["blob_mac"])
        )  # fmt: skip
