"""A stand-in for the signer: the far end of the courier's socket, with secrets in plain Python.

It holds the secrets and signs with plain HMAC because what is tested is the near end; the requests
are the real dialect's, so the venue checks real signatures over real bytes. It keeps none of the
signer's rules but those the courier must live with: items are written once and for open orders, and
nothing but a cancel is signed under a fence.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import DomainError
from app.db.errors import TraderBusy
from app.exchanges.attaching import attach
from app.exchanges.models import (
    CancelTarget,
    MarketSnapshot,
    OrderType,
    ReadTarget,
    Side,
    TimeInForce,
    Unsigned,
    VenueOrder,
)
from app.exchanges.registry import dialect_of
from app.verbs.answers import SignerStatus
from app.verbs.client import VerbClient
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import (
    Accepted,
    CleanUp,
    CleanUpReply,
    CourierVerb,
    ReadReply,
    Release,
    Send,
    Status,
    VenueAnswer,
    VenueRead,
)
from tests.egress.rows import Trader
from tests.exchanges.support import snapshot


class Refused(DomainError):
    code = "refused_in_test"
    sentence = "No."


class StandInSigner:
    """`asked` counts what was asked of it; `answers` are the permission read-backs it was given.

    `busy` is how many questions it refuses because the trader is locked; `most_at_once` how many of
    one trader's it had before it at a time.
    """

    def __init__(self, folder: Path, db: asyncpg.Connection) -> None:
        self.socket = folder / "signer.sock"
        self.courier = VerbClient(folder / "courier.sock")
        self.asked: Counter[str] = Counter()
        self.answers: list[VenueAnswer] = []
        self.refuse_clean_up = False
        self.busy = 0
        self.most_at_once = 0
        self._at_once: Counter[UUID] = Counter()
        self._db = db
        self._traders: dict[UUID, Trader] = {}
        self._snapshot: MarketSnapshot = snapshot()
        self._server: VerbServer | None = None

    def know(self, trader: Trader) -> None:
        self._traders[trader.trader_id] = trader

    async def start(self) -> None:
        handlers: dict[Any, Any] = {
            VenueRead: partial(self._counted, self._venue_read),
            CleanUp: partial(self._counted, self._clean_up),
            Status: self._status,
        }
        self._server = VerbServer(self.socket, CourierVerb, handlers, allowed_uids={own_uid()})
        await self._server.start()

    async def stop(self) -> None:
        self.courier.close()
        if self._server is not None:
            await self._server.stop()
            self._server = None

    # -- what the real one does after its commit ---------------------------------------------------

    async def hand_over(self, order_id: UUID) -> None:
        """Sign a released order of the table and send it to the courier."""
        accepted = await self.courier.call(Send(release=await self.release(order_id)))
        assert accepted == Accepted()

    async def release(self, order_id: UUID) -> Release:
        row = await self._db.fetchrow("SELECT * FROM bot_order WHERE order_id = $1", order_id)
        trader = self._traders[row["trader_id"]]
        side: Side = row["side"]
        kind: OrderType = row["order_type"]
        time_in_force: TimeInForce | None = row["time_in_force"]
        order = VenueOrder(
            market=row["market"],
            side=side,
            type=kind,
            quantity=row["quantity"],
            price=row["price"] if kind == "limit" else None,
            time_in_force=time_in_force if kind == "limit" else None,
            client_order_id=row["client_order_id"],
        )
        unsigned = dialect_of("sandbox").build_order(
            self._snapshot, trader.api_key, order, _now_ms()
        )
        return self._signed(trader, unsigned, "order", order_id)

    # -- the courier's verbs -----------------------------------------------------------------------

    async def _counted(self, verb: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        if self.busy:
            self.busy -= 1
            raise TraderBusy
        self._at_once[request.trader_id] += 1
        self.most_at_once = max(self.most_at_once, self._at_once[request.trader_id])
        try:
            return await verb(request)
        finally:
            self._at_once[request.trader_id] -= 1

    async def _venue_read(self, request: VenueRead) -> ReadReply:
        self.asked[request.what] += 1
        if request.answer is not None:
            self.answers.append(request.answer)
            await self._db.execute(
                "UPDATE exchange_credential SET attested_at = now(), state = 'verifying',"
                " version = version + 1 WHERE credential_id = $1",
                request.credential_id,
            )
            return ReadReply(state="verifying")
        trader = self._traders[request.trader_id]
        level = await self._db.fetchval(
            "SELECT effective_level($1, $2)", trader.trader_id, trader.path[:2]
        )
        if level >= 4:
            raise Refused
        target, described = ReadTarget(kind=request.what), None
        if request.what == "order":
            row = await self._db.fetchrow(
                "SELECT * FROM bot_order WHERE order_id = $1", request.order_id
            )
            described = self._snapshot
            target = ReadTarget(
                kind="order", market=row["market"], client_order_id=row["client_order_id"]
            )
        unsigned = dialect_of("sandbox").build_read(described, trader.api_key, target, _now_ms())
        return ReadReply(release=self._signed(trader, unsigned, request.what, request.order_id))

    async def _clean_up(self, request: CleanUp) -> CleanUpReply:
        self.asked["clean_up" if request.item_no is None else "item"] += 1
        if self.refuse_clean_up:
            raise Refused
        if request.item_no is None:
            return CleanUpReply(items=await self._expand(request))
        item = await self._db.fetchrow(
            "SELECT i.kind, o.* FROM cleanup_item i"
            " LEFT JOIN bot_order o USING (trader_id, order_id)"
            " WHERE i.trader_id = $1 AND i.revocation_id = $2 AND i.item_no = $3",
            *(request.trader_id, request.revocation_id, request.item_no),
        )
        if item["kind"] == "delete_key":
            return CleanUpReply()
        trader = self._traders[request.trader_id]
        target = CancelTarget(market=item["market"], client_order_id=item["client_order_id"])
        unsigned = dialect_of("sandbox").build_cancel(
            self._snapshot, trader.api_key, target, _now_ms()
        )
        return CleanUpReply(release=self._signed(trader, unsigned, "cancel", item["order_id"]))

    async def _expand(self, request: CleanUp) -> int:
        names = (request.trader_id, request.revocation_id)
        job = await self._db.fetchrow(
            "SELECT * FROM revocation WHERE trader_id = $1 AND revocation_id = $2", *names
        )
        orders = await self._db.fetch(
            "SELECT o.order_id, o.credential_id FROM bot_order o JOIN bot_grant g"
            " USING (trader_id, grant_id) WHERE trader_id = $1 AND $2 = ANY (g.path)"
            " AND o.state IN ('released', 'unknown', 'accepted', 'partially_filled')"
            " ORDER BY o.order_id",
            *(request.trader_id, job["token_id"]),
        )
        keys = await self._db.fetch(
            "SELECT credential_id FROM exchange_credential"
            " WHERE trader_id = $1 AND $2 = ANY (path)",
            *(request.trader_id, job["token_id"]),
        )
        items = [("cancel", row["credential_id"], row["order_id"]) for row in orders]
        items += [("delete_key", row["credential_id"], None) for row in keys]
        for number, (kind, credential_id, order_id) in enumerate(items, start=1):
            await self._db.execute(
                "INSERT INTO cleanup_item VALUES ($1,$2,$3,$4,$5,$6,'pending',0,$7)",
                *(*names, number, kind, credential_id, order_id, job["revoked_at"]),
            )
        await self._db.execute(
            "UPDATE revocation SET cleanup_state = 'running'"
            " WHERE trader_id = $1 AND revocation_id = $2",
            *names,
        )
        return len(items)

    async def _status(self, _: Status) -> SignerStatus:
        raise Refused

    def _signed(
        self, trader: Trader, unsigned: Unsigned, purpose: str, subject_id: UUID | None
    ) -> Release:
        signature = hmac.digest(trader.secret.encode(), unsigned.message, hashlib.sha256)
        signed = attach(unsigned, signature)
        return Release(
            trader_id=trader.trader_id,
            credential_id=trader.credential_id,
            venue_id="sandbox",
            purpose=purpose,
            subject_id=subject_id,
            method=signed.method,
            path_and_query=signed.path_and_query,
            headers=signed.headers,
            body=signed.body,
        )


def _now_ms() -> int:
    return int(datetime.now(tz=UTC).timestamp() * 1000)
