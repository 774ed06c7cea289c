"""`send`: take a signed request from the signer, send it once, write what came of it."""

import logging
from collections import OrderedDict
from uuid import UUID

from app.egress import rules
from app.egress.errors import AnswerLost, CourierBusy, NotSent, ReleaseRefused
from app.egress.outcomes import Outcomes
from app.egress.reads import Desks
from app.egress.transport import Answer
from app.egress.work import Work
from app.exchanges.answers import answers_of
from app.exchanges.dialect import Verb
from app.exchanges.models import OrderOutcome
from app.orders.models import Order, OrderState, Outcome
from app.verbs.wire import Accepted, Release, Send

_VERBS: dict[str, Verb] = {"order": "order", "cancel": "cancel"}
"""`Release.purpose` to the dialect's word for it. Reads are asked for, never sent in."""

MAX_UNDER_WAY = 2_000
_REMEMBERED = 10_000
"""Releases kept in mind so that one that is handed over twice is sent once."""

_LOG = logging.getLogger(__name__)


class Inbox:
    def __init__(self, desks: Desks, outcomes: Outcomes, work: Work) -> None:
        self._desks = desks
        self._outcomes = outcomes
        self._work = work
        self._taken: OrderedDict[tuple[str, UUID], None] = OrderedDict()

    async def send(self, request: Send) -> Accepted:
        """Take the release; answered before it is sent. The outcome comes as rows.

        Raises
        ------
        ReleaseRefused
            Neither an order nor a cancel of one.
        CourierBusy
            Not taken. The row stays `released` until reconciliation finds the venue without it.
        """
        release = request.release
        if release.purpose not in _VERBS or release.subject_id is None:
            raise ReleaseRefused(rule="purpose")
        order_id = release.subject_id
        if (release.purpose, order_id) in self._taken and release.purpose == "order":
            _LOG.error("release handed over twice", extra={"order_id": order_id})
            return Accepted()
        if len(self._work) >= MAX_UNDER_WAY:
            raise CourierBusy(retry_after_seconds=1)
        self._taken[release.purpose, order_id] = None
        if len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        self._work.spawn(
            ("send", release.purpose, order_id), lambda: self._deliver(release, order_id)
        )
        return Accepted()

    async def _deliver(self, release: Release, order_id: UUID) -> None:
        answer, problem = await self._send_once(release)

        def said(order: Order) -> Outcome:
            if answer is not None:
                return rules.outcome_of(order, _read(release, answer))
            if problem == rules.NOT_SENT and release.purpose == "order":
                return Outcome(state=OrderState.REJECTED, venue_code=problem)
            return Outcome(state=OrderState.UNKNOWN, venue_code=problem)

        body = None if answer is None else answer.body
        await self._outcomes.record(release.trader_id, order_id, said, body)

    async def _send_once(self, release: Release) -> tuple[Answer | None, str | None]:
        """The answer, or why there is none. Never a second try: the first may have arrived."""
        desk = self._desks.get(release.venue_id)
        if desk is None:
            return None, rules.NOT_SENT
        try:
            return await desk.send(release), None
        except ReleaseRefused as refused:
            problem, reason = rules.NOT_SENT, refused.rule
        except NotSent as not_sent:
            problem, reason = rules.NOT_SENT, not_sent.reason
        except AnswerLost as lost:
            problem, reason = rules.NO_ANSWER, lost.reason
        _LOG.warning(
            "no answer from the venue",
            extra={"order_id": release.subject_id, "venue": release.venue_id, "reason": reason},
        )
        return None, problem


def _read(release: Release, answer: Answer) -> OrderOutcome:
    return answers_of(release.venue_id).parse_outcome(
        answer.status, answer.body, verb=_VERBS[release.purpose]
    )
