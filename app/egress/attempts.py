"""One attempt at one item of clean-up: ask the signer, send, read."""

from datetime import datetime
from http import HTTPStatus

import msgspec

from app.core.clock import Clock
from app.db.pool import Database
from app.egress import rules
from app.egress.errors import AnswerLost, NotSent
from app.egress.reads import Desks
from app.egress.signer import Signer
from app.egress.transport import Answer
from app.exchanges.answers import answers_of
from app.exchanges.models import OrderOutcome
from app.orders import cleanup_store
from app.orders.models import AT_VENUE, FINAL, CleanUpItem, ItemKind, ItemState, Order
from app.verbs.errors import RefusedByPeer
from app.verbs.wire import CleanUp, CleanUpReply, Release


class Tried(msgspec.Struct, frozen=True):
    """What an attempt came to. `said` is the venue's word on the order, read from `body`."""

    state: ItemState
    words: str
    said: OrderOutcome | None = None
    body: bytes | None = None


class Attempts:
    def __init__(self, db: Database, signer: Signer, desks: Desks, clock: Clock) -> None:
        self._db = db
        self._signer = signer
        self._desks = desks
        self._clock = clock

    async def make(
        self, item: CleanUpItem, order: Order | None, deadline: datetime
    ) -> Tried | None:
        """Try once. None: another process has this attempt.

        Raises
        ------
        PeerUnavailable
            The signer is away. Nothing was sent and no attempt is counted.
        """
        # (1) The request, signed anew: the last one is too old to send.
        refusal: str | None = None
        release: Release | None = None
        try:
            reply: CleanUpReply = await self._signer.ask(
                CleanUp(
                    trader_id=item.trader_id,
                    revocation_id=item.revocation_id,
                    item_no=item.item_no,
                )
            )
            release = reply.release
        except RefusedByPeer as refused:
            refusal = refused.code
        if refusal is None and release is None and item.kind is ItemKind.DELETE_KEY:
            return Tried(ItemState.UNSUPPORTED, "the venue has no such call")
        # (2) Count the attempt before it is made, so that a crash does not repeat it at once.
        if not await self._claim(item, deadline):
            return None
        if release is None:
            return Tried(ItemState.PENDING, refusal or "no request")
        # (3) Send it and read the answer.
        return await self._send(item, order, release)

    async def _claim(self, item: CleanUpItem, deadline: datetime) -> bool:
        next_due_at = rules.next_attempt_at(
            item.attempts + 1, now=self._clock.now(), deadline=deadline
        )
        async with self._db.transaction() as tx:
            return await cleanup_store.claim(tx, item, next_due_at=next_due_at)

    async def _send(self, item: CleanUpItem, order: Order | None, release: Release) -> Tried:
        desk = self._desks.get(release.venue_id)
        if desk is None:
            return Tried(ItemState.PENDING, rules.NOT_SENT)
        sent_at = self._clock.now()
        try:
            answer = await desk.send(release)
        except NotSent:
            return Tried(ItemState.PENDING, rules.NOT_SENT)
        except AnswerLost:
            return Tried(ItemState.PENDING, rules.NO_ANSWER)
        if item.kind is ItemKind.DELETE_KEY or order is None:
            deleted = answer.status == HTTPStatus.OK
            state = ItemState.DONE if deleted else ItemState.PENDING
            return Tried(state, f"http-{answer.status}", None, answer.body)
        return _read_cancel(
            order, answer, sent_at, desk.route.dialect, desk.route.receive_window_seconds
        )


def _read_cancel(
    order: Order, answer: Answer, sent_at: datetime, dialect: str, window_seconds: float
) -> Tried:
    said = answers_of(order.venue_id).parse_outcome(answer.status, answer.body, verb="cancel")
    outcome = rules.outcome_of(order, said)
    if outcome.state in FINAL:
        return Tried(ItemState.DONE, outcome.state, said, answer.body)
    if rules.is_absent(dialect, "cancel", answer, said) and (
        # Known to the venue once and not open now: final. Never known: only once it cannot come.
        order.state in AT_VENUE
        or not rules.can_still_arrive(order, window_seconds=window_seconds, now=sent_at)
    ):
        return Tried(ItemState.DONE, f"not open {said.venue_code}", None, answer.body)
    return Tried(ItemState.PENDING, outcome.venue_code or outcome.state, said, answer.body)
