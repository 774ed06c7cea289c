"""`seal_change` for `device.heartbeat`: a tap on a device renews every lease of its trader."""

from datetime import UTC, datetime

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.statements import digest_bytes
from app.db.pool import Database
from app.deciding.errors import DeviceRejected
from app.deciding.witness import Witness, heartbeat_statement
from app.devices import heartbeats as store
from app.devices.models import Heartbeat
from app.guardrails.rungs import Verb
from app.loosening.errors import HeartbeatRefused
from app.vault.evidence import Evidence
from app.verbs.wire import SealChange, SealedChange


class Heartbeats:
    def __init__(self, db: Database, witness: Witness, evidence: Evidence, clock: Clock) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._clock = clock

    async def seal(self, request: SealChange) -> SealedChange:
        """Keep the device's signed sign of life; `state` is when it was seen (RFC 3339).

        Raises
        ------
        HeartbeatRefused
            Not newer than the one before: a replay.
        DeviceRejected, SignatureRejected, StatementRejected, EvidenceForged
            Not by a device of this trader, or not signed within five minutes of now.
        RungForbids
            The device is frozen or revoked.
        """
        if request.origin.device_id is None:
            raise DeviceRejected
        async with self._db.locked(request.trader_id) as tx:
            now, statement = self._clock.now(), request.statement or ""
            # (1) A device the HSM vouches for signed it now, and it may still speak.
            device = await self._witness.device(tx, request.trader_id, request.origin.device_id)
            claims = heartbeat_statement(statement, device, now)
            await self._witness.check_may(tx, device, Verb.HEARTBEAT)
            # (2) It is newer than its last: time never goes back, and nothing is heard twice.
            last = await store.get(tx, device.trader_id, device.device_id)
            issued_at = datetime.fromtimestamp(claims.iat, tz=UTC)
            if last is not None and issued_at <= last.issued_at:
                raise HeartbeatRefused(rule="replayed")
            # (3) Seal it in the place of the last, and log it, in one commit.
            heartbeat = Heartbeat(
                trader_id=device.trader_id,
                device_id=device.device_id,
                root_id=device.root_id,
                issued_at=issued_at,
                seen_at=now if last is None else max(now, last.seen_at),
                nonce=digest_bytes(claims.nonce),
                statement=statement,
                version=1 if last is None else last.version + 1,
                mac=b"",
            )
            (mac,) = await self._evidence.seal([heartbeat.evidence()])
            if not await store.keep(tx, msgspec.structs.replace(heartbeat, mac=mac)):
                raise HeartbeatRefused(rule="replayed")
            await append_locked(
                tx,
                Entry(
                    trader_id=device.trader_id,
                    event=Event.DEVICE_HEARTBEAT,
                    origin=request.origin,
                    token_id=device.device_id,
                    path=[device.root_id, device.device_id],
                    request_digest=sha256(statement.encode()),
                ),
            )
        return SealedChange(subject_id=device.device_id, state=heartbeat.seen_at.isoformat())
