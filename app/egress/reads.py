"""Signed reads: the signer makes the request, the venue answers, nothing is decided here."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from app.egress.errors import ReleaseRefused
from app.egress.pace import Pace
from app.egress.routes import Route
from app.egress.signer import Signer
from app.egress.transport import Answer, Transport
from app.verbs.wire import ReadKind, ReadReply, Release, VenueRead


class KeyRef(msgspec.Struct, frozen=True):
    """A venue key by its names."""

    trader_id: UUID
    credential_id: UUID
    venue_id: str


class VenueDesk:
    """One venue as the courier holds it: its transport and its allowance."""

    def __init__(self, transport: Transport, pace: Pace) -> None:
        self.transport = transport
        self.pace = pace

    @property
    def route(self) -> Route:
        return self.transport.route

    async def send(self, release: Release) -> Answer:
        """Send a signed request once; raises what `Transport.send` raises."""
        answer = await self.transport.send(
            release.method, release.path_and_query, release.headers, release.body
        )
        self.pace.learn(answer)
        return answer


Desks = Mapping[str, VenueDesk]


class SignedReads:
    def __init__(self, signer: Signer, desks: Desks) -> None:
        self.signer = signer
        self._desks = desks

    async def ask(self, key: KeyRef, what: ReadKind, order_id: UUID | None = None) -> Answer | None:
        """Have one read signed and send it.

        None: it has to wait (the venue's allowance is used up, or the venue is not reachable from
        here), or the signer sees nothing to read.

        Raises
        ------
        PeerUnavailable, RefusedByPeer
            The signer is away, or says no.
        NotSent, AnswerLost
            Nothing came back.
        """
        desk = self._desks.get(key.venue_id)
        if desk is None or not desk.pace.take(what):
            return None
        reply: ReadReply = await self.signer.ask(
            VenueRead(
                trader_id=key.trader_id,
                credential_id=key.credential_id,
                what=what,
                order_id=order_id,
            )
        )
        release = reply.release
        if release is None:
            return None
        if (release.credential_id, release.venue_id) != (key.credential_id, key.venue_id):
            raise ReleaseRefused(rule="credential")
        return await desk.send(release)
