"""The real signer in this process: its sockets, its handlers, SoftHSM behind them.

It cheats in one thing: the HSM's workers are given more time, because how busy the machine is, is
not what is tested.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from app.core.clock import SystemClock
from app.db.pool import Database
from app.vault.client import HsmWorkers
from app.vault.identity import Identity
from app.verbs.answers import SignerStatus
from app.verbs.client import VerbClient
from app.verbs.server import VerbServer, own_uid
from app.verbs.wire import (
    ApiVerb,
    CourierVerb,
    ReadReply,
    Status,
    VenueAnswer,
    VenueRead,
)
from app.wiring.signer import CourierLink, Parts, _status
from app.wiring.signer_verbs import api_handlers, courier_handlers
from tests.signing.parts import RELYING_PARTY, PatientWorkers
from tests.support.postgres import FreshDatabase
from tests.vault.support import Token

TRADE_ONLY = {
    "ipRestrict": True,
    "createTime": 1_700_000_000_000,
    "enableReading": True,
    "enableSpotAndMarginTrading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
}


class Courier:
    """The far end of the courier's socket, as far as reading a key's rights back goes."""

    def __init__(self, socket: Path) -> None:
        self._client = VerbClient(socket)

    async def read_back(self, trader_id: UUID, credential_id: UUID) -> str:
        """Ask for the signed read, and hand in what the venue would answer."""
        asked = VenueRead(trader_id=trader_id, credential_id=credential_id, what="permissions")
        signed: ReadReply = await self._client.call(asked)
        assert signed.release is not None
        told: ReadReply = await self._client.call(
            VenueRead(
                trader_id=trader_id,
                credential_id=credential_id,
                what="permissions",
                answer=VenueAnswer(200, json.dumps(TRADE_ONLY).encode()),
            )
        )
        return str(told.state)

    def close(self) -> None:
        self._client.close()


@asynccontextmanager
async def real_signer(
    database: FreshDatabase, hsm: Token, folder: Path, *, issuer: str = ""
) -> AsyncIterator[Courier]:
    """Serve `signer.sock` and `courier.sock` in `folder`; no courier is connected for orders."""
    db = await Database.connect(database.dsn("tripcord_signer"), max_size=8, short_locks=True)
    absent = VerbClient(folder / "nobody.sock")
    async with HsmWorkers(hsm.config()) as workers:
        patient = cast("HsmWorkers", _Patient(workers))
        parts = Parts(
            db=db,
            workers=patient,
            identity=Identity(patient),
            courier=CourierLink(absent),
            clock=SystemClock(),
            issuer=issuer,
            relying_party=RELYING_PARTY,
        )

        async def status(_: Status) -> SignerStatus:
            return await _status(parts)

        uids = {own_uid()}
        servers = [
            VerbServer(
                folder / "signer.sock",
                ApiVerb,
                {**api_handlers(parts), Status: status},
                allowed_uids=uids,
            ),
            VerbServer(
                folder / "courier.sock",
                CourierVerb,
                {**courier_handlers(parts), Status: status},
                allowed_uids=uids,
            ),
        ]
        for server in servers:
            await server.start()
        courier = Courier(folder / "courier.sock")
        try:
            yield courier
        finally:
            courier.close()
            for server in servers:
                await server.stop()
            await db.close()


class _Patient(PatientWorkers):
    def __init__(self, workers: HsmWorkers) -> None:
        super().__init__(workers)
        self._workers = workers

    async def probe(self, **_: Any) -> Any:
        return await self._workers.probe(deadline_seconds=15.0)
