"""The courier: one inbox and the loops that keep rows true."""

from collections.abc import Mapping

import msgspec

from app.core.clock import Clock
from app.db.pool import Database
from app.egress.accounts import Accounts, Hints
from app.egress.attempts import Attempts
from app.egress.cleanup import CleanUps
from app.egress.inbox import Inbox
from app.egress.links import Links
from app.egress.markets import Markets
from app.egress.outcomes import Outcomes
from app.egress.pace import Pace
from app.egress.reads import SignedReads, VenueDesk
from app.egress.reconcile import Reconciler
from app.egress.routes import Route
from app.egress.signer import Signer
from app.egress.transport import Transport
from app.egress.work import Work
from app.egress.writes import LockedWrites
from app.verbs.client import VerbClient

STOP_SECONDS = 4.0
"""From the wish to stop until what is under way is dropped; its rows say what to ask later."""


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between two runs of each loop; the rest are ages in seconds."""

    links: float = 0.2
    reconciling: float = 1.0
    released_without_outcome: float = 5.0
    accounts: float = 0.25
    account_age: float = 5.0
    markets: float = 1.0
    cleaning_up: float = 0.1


class Courier:
    """Make it and `start` it inside a running loop; `stop` ends what it can in order."""

    def __init__(
        self,
        db: Database,
        signer: VerbClient,
        routes: Mapping[str, Route],
        clock: Clock,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._rhythm = rhythm or Rhythm()
        self._signer = Signer(signer)
        self._desks = {name: VenueDesk(Transport(route), Pace()) for name, route in routes.items()}
        self.work = Work()
        desks, work, hints = self._desks, self.work, Hints()
        reads, writes = SignedReads(self._signer, desks), LockedWrites(db)
        outcomes = Outcomes(writes, hints.note)
        self.inbox = Inbox(desks, outcomes, work)
        self.links = Links(db, reads, work)
        self.reconciler = Reconciler(
            db,
            reads,
            desks,
            outcomes,
            work,
            clock,
            patience_seconds=self._rhythm.released_without_outcome,
        )
        self.accounts = Accounts(
            db,
            reads,
            outcomes,
            self.reconciler,
            hints,
            work,
            every_seconds=self._rhythm.account_age,
        )
        self.markets = Markets(db, desks, work, clock)
        attempts = Attempts(db, self._signer, desks, clock)
        self.clean_ups = CleanUps(db, self._signer, attempts, writes, work, clock)

    def start(self) -> None:
        rhythm, repeat = self._rhythm, self.work.repeat
        repeat("links", rhythm.links, self.links.step)
        repeat("reconciling", rhythm.reconciling, self.reconciler.step)
        repeat("accounts", rhythm.accounts, self.accounts.step)
        repeat("markets", rhythm.markets, self.markets.step)
        repeat("clean-up", rhythm.cleaning_up, self.clean_ups.step)

    async def stop(self) -> None:
        await self.work.stop(grace_seconds=STOP_SECONDS)
        for desk in self._desks.values():
            await desk.transport.close()
        self._signer.close()
