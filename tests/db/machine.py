"""What the state machine of the tree works with: logins of every role, and a node's secrets."""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.db.errors import Conflict
from app.db.pool import Database
from app.tokens.errors import (
    FenceNotAsShown,
    ParentNotActive,
    RevokedIsFinal,
    TokenNotFound,
)
from tests.support.postgres import FreshDatabase

T = TypeVar("T")

IMPOSERS = {
    "trader": "tripcord_cord",
    "monitor": "tripcord_courier",
    "operator": "tripcord_operator",
}


class Stores:
    """One event loop, and a login of each role on it."""

    def __init__(self, database: FreshDatabase) -> None:
        self._runner = asyncio.Runner()
        self.db: dict[str, Database] = {
            name: self.run(Database.connect(database.dsn(name), min_size=1, max_size=2))
            for name in ("postgres", "tripcord_api", "tripcord_signer", *IMPOSERS.values())
        }

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def attempt(self, work: Coroutine[Any, Any, Any]) -> tuple[Any, str | None]:
        """What came of it, or the name of what refused it."""
        try:
            return self.run(work), None
        except ParentNotActive:
            return None, "ParentNotActive"
        except TokenNotFound:
            return None, "TokenNotFound"
        except (FenceNotAsShown, RevokedIsFinal) as refused:
            return None, refused.code
        except Conflict as refused:
            return None, refused.name

    def close(self) -> None:
        for db in self.db.values():
            self.run(db.close())
        self._runner.close()


class Secrets:
    """Of one node: the hash that is stored, those that were handed out since, and all there ever
    were. The old one is good until one of the new is used (the overlap is longer than a test).
    """

    def __init__(self) -> None:
        self.current, self.outstanding = secrets.token_bytes(32), list[bytes]()
        self.all = [self.current]

    def hand_out(self, new: bytes) -> None:
        self.outstanding = [*self.outstanding[-3:], new]
        self.all.append(new)

    def show(self, shown: bytes) -> bool:
        """Whether it counts; a new one is the only one from then on."""
        if shown in self.outstanding:
            self.current, self.outstanding = shown, []
        return shown == self.current
