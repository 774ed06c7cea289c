"""Everything one mock holds; made once, handed to every route."""

import msgspec

from mock_push.clock import Clock, SystemClock
from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.oauth.accounts import Accounts
from mock_push.oauth.tokens import AccessTokens
from mock_push.phones.registrations import Phones


class World(msgspec.Struct, frozen=True, kw_only=True):
    clock: Clock
    draw: Draw
    accounts: Accounts
    tokens: AccessTokens
    phones: Phones


def make_world(*, disk: Disk, seed: int | None = None, clock: Clock | None = None) -> World:
    draw = Draw(seed)
    return World(
        clock=clock or SystemClock(),
        draw=draw,
        accounts=Accounts(disk),
        tokens=AccessTokens(draw),
        phones=Phones(disk, draw),
    )
