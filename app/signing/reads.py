"""`venue_read`: sign one read of the trader's own account. It can change nothing at the venue."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.clock import Clock, unix_micros
from app.core.origin import Origin
from app.credentials import store as credentials
from app.credentials.errors import CredentialNotActive, CredentialNotFound
from app.credentials.models import Credential, LinkState, WrappedSecret
from app.db.pool import Database, Tx
from app.deciding.witness import rung_of
from app.exchanges.attaching import attach
from app.exchanges.models import MarketSnapshot, ReadTarget, SignedRequest, Unsigned
from app.exchanges.registry import dialect_of
from app.guardrails.rungs import Verb, check_rung
from app.signing.rows import request_digest, snapshot_of, wrapped_key
from app.tokens import store as tokens
from app.tokens.models import Level
from app.vault.unwrap import SigningKeys
from app.verbs.wire import Release, VenueRead

_COURIER = Origin(actor="courier")
_ORDER = """
    SELECT o.order_id, o.client_order_id, o.market, m.snapshot::text AS snapshot
      FROM bot_order o
      LEFT JOIN market_snapshot m ON m.venue_id = o.venue_id AND m.market = o.market
     WHERE o.trader_id = $1 AND o.credential_id = $2 AND o.order_id = $3
"""


class VenueReads:
    def __init__(self, db: Database, keys: SigningKeys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    async def sign(self, request: VenueRead) -> Release:
        """Sign a read of one credential, under the trader lock, and log that it was.

        Raises
        ------
        CredentialNotFound, CredentialNotActive
            Nothing to read with.
        RungForbids
            The credential or its venue is frozen, or it is revoked: then nothing is signed, reads
            included.
        """
        async with self._db.locked(request.trader_id) as tx:
            credential, secret = await load(tx, request.trader_id, request.credential_id)
            if request.what != "permissions" and credential.state is not LinkState.ACTIVE:
                raise CredentialNotActive
            level = max(
                await tokens.effective_level(tx, request.trader_id, credential.path),
                await _venue_level(tx, credential.venue_id),
            )
            check_rung(rung_of(level), Verb.READ, node_id=credential.credential_id)
            target, snapshot = await self._target(tx, request)
            unsigned = dialect_of(credential.venue_id).build_read(
                snapshot, credential.api_key_id, target, unix_micros(self._clock.now()) // 1000
            )
            signed = await sign_for(self._keys, credential, secret, unsigned)
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.VENUE_READ,
                    origin=_COURIER,
                    token_id=credential.credential_id,
                    path=credential.path,
                    subject_id=request.order_id,
                    rule=request.what,
                    request_digest=request_digest(signed),
                ),
            )
        return release_of(credential, signed, purpose=request.what, subject_id=request.order_id)

    async def _target(self, tx: Tx, request: VenueRead) -> tuple[ReadTarget, MarketSnapshot | None]:
        if request.what != "order":
            return ReadTarget(kind=request.what), None
        row = await tx.fetchrow(_ORDER, request.trader_id, request.credential_id, request.order_id)
        if row is None or row["snapshot"] is None:
            raise CredentialNotFound
        return (
            ReadTarget(kind="order", market=row["market"], client_order_id=row["client_order_id"]),
            snapshot_of(row["snapshot"]),
        )


async def _venue_level(tx: Tx, venue_id: str) -> Level:
    """The venue's rung, held shared to the commit as for an order."""
    return Level(await tx.fetchval("SELECT shared_venue_level($1)", venue_id))


async def load(tx: Tx, trader_id: UUID, credential_id: UUID) -> tuple[Credential, WrappedSecret]:
    """A credential and its wrapped secret, or raise CredentialNotFound."""
    credential = await credentials.get(tx, trader_id, credential_id)
    secret = await credentials.get_secret(tx, trader_id, credential_id)
    if credential is None or secret is None:
        raise CredentialNotFound
    return credential, secret


async def sign_for(
    keys: SigningKeys, credential: Credential, secret: WrappedSecret, unsigned: Unsigned
) -> SignedRequest:
    """Verify the credential's MAC and sign, in one call to the HSM."""
    signed = await keys.sign(
        checks=[(credential.evidence(), credential.mac)],
        key=wrapped_key(credential, secret),
        message=unsigned.message,
    )
    return attach(unsigned, signed.signature)


def release_of(
    credential: Credential, signed: SignedRequest, *, purpose: str, subject_id: UUID | None
) -> Release:
    return Release(
        trader_id=credential.trader_id,
        credential_id=credential.credential_id,
        venue_id=credential.venue_id,
        purpose=purpose,
        subject_id=subject_id,
        method=signed.method,
        path_and_query=signed.path_and_query,
        headers=signed.headers,
        body=signed.body,
    )
