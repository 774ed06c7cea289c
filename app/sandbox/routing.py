"""What a route is, and what its handler is given."""

from collections.abc import Callable
from typing import Any

import msgspec

from app.sandbox.account import Account
from app.sandbox.auth import Permission
from app.sandbox.keys import ApiKey
from app.sandbox.params import Params
from app.sandbox.venue import Venue


class Call(msgspec.Struct, frozen=True):
    """One request whose caller is known. `headers` is filled by handlers that have some."""

    venue: Venue
    params: Params
    now: int
    caller: ApiKey | None
    headers: dict[str, str]

    @property
    def key(self) -> ApiKey:
        if self.caller is None:
            raise LookupError("this route is public")
        return self.caller

    @property
    def account(self) -> Account:
        return self.venue.account_of(self.key)


Handler = Callable[[Call], Any]  # returns what becomes the JSON answer, or raises VenueError
Weight = Callable[[Params], int]


def fixed(weight: int) -> Weight:
    return lambda _: weight


def by_symbol(one: int, every: int) -> Weight:
    """Weight of a route that is dearer when no symbol narrows it."""
    return lambda params: one if params.optional("symbol") is not None else every


class Route(msgspec.Struct, frozen=True):
    """`permission` None is a public route. A route that `mutates` calls `params.finish()` before
    it does; for the others the server does it afterwards.
    """

    handler: Handler
    weight: Weight
    permission: Permission | None = None
    mutates: bool = False


Routes = dict[tuple[str, str], Route]  # by method and path
