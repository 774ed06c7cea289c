"""Read the permissions of newly linked keys back, right away; the signer judges the answer."""

from app.db.pool import Database
from app.egress import rules, store
from app.egress.reads import SignedReads
from app.egress.store import UnreadKey
from app.egress.work import Patience, Work
from app.verbs.wire import VenueAnswer, VenueRead

_BATCH = 200


class Links:
    def __init__(self, db: Database, reads: SignedReads, work: Work) -> None:
        self._db = db
        self._reads = reads
        self._work = work
        self._patience = Patience()

    async def step(self) -> None:
        async with self._db.session() as tx:
            unread = await store.unread_keys(tx, _BATCH)
        self._patience.forget_others(set(unread))
        for one in unread:
            if self._patience.may_ask(one):
                self._spawn(one)

    def _spawn(self, one: UnreadKey) -> None:
        self._work.spawn(("link", one.key.credential_id), lambda: self._read_back(one))

    async def _read_back(self, one: UnreadKey) -> None:
        answer = await self._reads.ask(one.key, "permissions")
        if answer is None or not rules.says_something_of_the_key(answer):
            return
        await self._reads.signer.ask(
            VenueRead(
                trader_id=one.key.trader_id,
                credential_id=one.key.credential_id,
                what="permissions",
                answer=VenueAnswer(answer.status, answer.body),
            )
        )
