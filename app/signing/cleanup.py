"""`clean_up`: the one exception to "nothing signs after a revoke" (P1).

Only cancels of orders in our own table, built here from rows, for at most 15 minutes after the
revoke, each listed on its receipt.
"""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.clock import Clock, unix_micros
from app.core.origin import Origin
from app.credentials.models import Credential
from app.db.pool import Database, Row, Tx
from app.exchanges.client_ids import client_order_id
from app.exchanges.models import CancelTarget
from app.exchanges.registry import dialect_of
from app.exchanges.venues import venue
from app.grants import store as grants
from app.orders.rules import is_entry
from app.signing.errors import CleanUpRefused
from app.signing.reads import load, release_of, sign_for
from app.signing.rows import request_digest, snapshot_of
from app.tokens import store as tokens
from app.tokens.models import Level
from app.vault.evidence import Evidence
from app.vault.unwrap import SigningKeys
from app.verbs.wire import CleanUp, CleanUpReply

_COURIER = Origin(actor="courier")

_REVOCATION = """
    SELECT token_id, mode, cleanup_state, cleanup_deadline_at, revoked_at FROM revocation
     WHERE trader_id = $1 AND revocation_id = $2
"""

# Every order that may still be alive at the venue. The mode says which of them are cancelled.
_ORDERS = """
    SELECT o.order_id, o.credential_id, o.side FROM bot_order o
      JOIN bot_grant g ON g.trader_id = o.trader_id AND g.grant_id = o.grant_id
     WHERE o.trader_id = $1 AND $2 = ANY (g.path)
       AND o.state IN ('released', 'accepted', 'partially_filled', 'unknown')
     ORDER BY o.order_id
"""

_CREDENTIALS = """
    SELECT credential_id FROM exchange_credential
     WHERE trader_id = $1 AND $2 = ANY (path) AND state = 'active'
     ORDER BY credential_id
"""

_ADD = """
    INSERT INTO cleanup_item (trader_id, revocation_id, item_no, kind, credential_id, order_id,
                              due_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

_STATE = """
    UPDATE revocation SET cleanup_state = $3 WHERE trader_id = $1 AND revocation_id = $2
"""

_ITEM = """
    SELECT i.kind, i.state, i.credential_id, o.order_id, o.grant_id, o.market,
           m.snapshot::text AS snapshot
      FROM cleanup_item i
      LEFT JOIN bot_order o ON o.trader_id = i.trader_id AND o.order_id = i.order_id
                           AND o.credential_id = i.credential_id
      LEFT JOIN market_snapshot m ON m.venue_id = o.venue_id AND m.market = o.market
     WHERE i.trader_id = $1 AND i.revocation_id = $2 AND i.item_no = $3
"""


class CleanUps:
    def __init__(self, db: Database, keys: SigningKeys, evidence: Evidence, clock: Clock) -> None:
        self._db = db
        self._evidence = evidence
        self._keys = keys
        self._clock = clock

    async def clean_up(self, request: CleanUp) -> CleanUpReply:
        """Expand a revocation into items, or sign the request of one of them.

        Raises
        ------
        CleanUpRefused
            No such revocation or item, or its 15 minutes are over.
        """
        async with self._db.locked(request.trader_id) as tx:
            job = await tx.fetchrow(_REVOCATION, request.trader_id, request.revocation_id)
            if job is None:
                raise CleanUpRefused
            # Listing signs nothing: what was left to do is told even when it is too late to do it.
            if request.item_no is None:
                return CleanUpReply(items=await self._expand(tx, request, job))
            if self._clock.now() >= job["cleanup_deadline_at"]:
                raise CleanUpRefused
            return await self._item(tx, request, request.item_no, job["token_id"])

    async def _expand(self, tx: Tx, request: CleanUp, job: Row) -> int:
        """Write the items once; a second call finds the job running and adds nothing."""
        if job["cleanup_state"] != "pending":
            return 0
        orders = await tx.fetch(_ORDERS, request.trader_id, job["token_id"])
        keys = await tx.fetch(_CREDENTIALS, request.trader_id, job["token_id"])
        items: list[tuple[str, UUID, UUID | None]] = [
            ("cancel", row["credential_id"], row["order_id"])
            for row in orders
            if job["mode"] == "cancel_all" or is_entry(row["side"])
        ] + [("delete_key", row["credential_id"], None) for row in keys]
        for number, (kind, credential_id, order_id) in enumerate(items, start=1):
            await tx.execute(
                _ADD,
                request.trader_id,
                request.revocation_id,
                number,
                kind,
                credential_id,
                order_id,
                job["revoked_at"],
            )
        state = "running" if items else "done"
        await tx.execute(_STATE, request.trader_id, request.revocation_id, state)
        return len(items)

    async def _item(self, tx: Tx, request: CleanUp, item_no: int, revoked: UUID) -> CleanUpReply:
        item = await tx.fetchrow(_ITEM, request.trader_id, request.revocation_id, item_no)
        if item is None or item["state"] != "pending":
            raise CleanUpRefused
        credential, secret = await load(tx, request.trader_id, item["credential_id"])
        if item["kind"] == "delete_key" and not venue(credential.venue_id).can_delete_key:
            return CleanUpReply()
        if item["kind"] != "cancel" or item["snapshot"] is None:
            raise CleanUpRefused
        await self._check_revoked(tx, request, item["grant_id"], credential, revoked)
        # The name at the venue follows from our own order id, whatever the row calls it.
        unsigned = dialect_of(credential.venue_id).build_cancel(
            snapshot_of(item["snapshot"]),
            credential.api_key_id,
            CancelTarget(market=item["market"], client_order_id=client_order_id(item["order_id"])),
            unix_micros(self._clock.now()) // 1000,
        )
        signed = await sign_for(self._keys, credential, secret, unsigned)
        await append_locked(
            tx,
            Entry(
                trader_id=request.trader_id,
                event=Event.CLEANUP_RELEASED,
                origin=_COURIER,
                token_id=credential.credential_id,
                path=credential.path,
                subject_id=item["order_id"],
                request_digest=request_digest(signed),
            ),
        )
        release = release_of(credential, signed, purpose="cancel", subject_id=item["order_id"])
        return CleanUpReply(release=release)

    async def _check_revoked(
        self, tx: Tx, request: CleanUp, grant_id: UUID, credential: Credential, revoked: UUID
    ) -> None:
        """Believe no row alone: the grant's MAC holds its path, and a fence must stand on it."""
        grant = await grants.get(tx, request.trader_id, grant_id)
        if grant is None or grant.credential_id != credential.credential_id:
            raise CleanUpRefused
        await self._evidence.verify([(grant.evidence(), grant.mac)])
        level = await tokens.effective_level(tx, request.trader_id, grant.path)
        if revoked not in grant.path or level is not Level.REVOKED:
            raise CleanUpRefused
