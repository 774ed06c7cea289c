"""Who and what the story has so far. Attributes appear as the steps make them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

from scripts.clients.authenticator import Authenticator
from scripts.clients.bot import Bot, Submitted
from scripts.clients.cord import Receipt
from scripts.clients.encoding import Secret
from scripts.clients.http import Api
from scripts.clients.phone import Phone
from scripts.clients.platform import Invitation, Platform
from scripts.clients.stack import Addresses, Stack
from scripts.clients.tokens import GrantRequest
from scripts.clients.venue import VenueKey, VenueSite
from scripts.clients.view import View

VENUE = "sandbox"
MARKET = "BTCUSDT"
QUOTE = "USDT"
PUSH_SECONDS = 15.0
"""How long the story waits for a doorbell. The goal is 2 s; a busy machine may take longer."""

VENUE_SECONDS = 20.0
"""How long the venue's answer may take to come back as state."""


class StepFailed(Exception):
    """What the story promised did not happen."""


class World:
    addresses: Addresses
    api: Api
    platform: Platform
    venue: VenueSite
    invitation: Invitation
    phone: Phone
    venue_key: VenueKey
    credential_id: UUID
    grant: GrantRequest
    bot: Bot
    authenticator: Authenticator
    held: Submitted
    session_token: Secret
    receipt: Receipt

    def __init__(self, view: View, stack: Stack) -> None:
        self.view, self.stack = view, stack
        self.closing = ExitStack()

    def connect(self, origin: str, *, user_agent: str = "tripcord-client/1") -> Api:
        """A connection that ends with the story."""
        return self.closing.enter_context(Api(origin, user_agent=user_agent))


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    why: str
    play: Callable[[World], None]


def expect(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assertion
    """A claim of the story; `python -O` must not remove it, so it is no assert."""
    if not fact:
        raise StepFailed(otherwise)
