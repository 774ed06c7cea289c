"""User codes of CIBA: what a platform must know before the trader's phone rings for it."""

import asyncio
import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.ciba import user_code_store as store
from app.ciba.errors import UserCodeMissing, UserCodeRefused
from app.core.clock import Clock
from app.core.origin import Origin
from app.core.secret import Secret
from app.db.pool import Database
from app.outbox import store as outbox
from app.outbox.models import Topic

_SALT_BYTES = 16
_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""RFC 7914's parameters for interactive logins: 16 MB and some 50 ms a try, beside the loop."""

_NOTICE = timedelta(hours=24)


class UserCodes:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def put(self, trader_id: UUID, code: Secret, origin: Origin) -> None:
        """Set the code, or another in its place, and tell every device. It is never taken away:
        that would loosen what the trader put up.
        """
        salt = secrets.token_bytes(_SALT_BYTES)
        code_hash = await asyncio.to_thread(_hash, code, salt)
        async with self._db.locked(trader_id) as tx:
            await store.put(tx, trader_id, salt, code_hash)
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.USER_CODE_SET,
                    origin=origin,
                    token_id=origin.device_id,
                    subject_id=trader_id,
                ),
            )
            ends_at = self._clock.now() + _NOTICE
            await outbox.ring(tx, trader_id, Topic.SECURITY, trader_id, ends_at)

    async def check(self, trader_id: UUID, presented: Secret | None) -> None:
        """Pass where the trader has no code, or this is it.

        A wrong one stays charged whatever happens to the rest of the request.

        Raises
        ------
        UserCodeMissing, UserCodeRefused
        """
        async with self._db.session() as tx:
            if not await store.exists(tx, trader_id):
                return
            if presented is None:
                raise UserCodeMissing
            stored = await store.charge(tx, trader_id, self._clock.now())
        if stored is None:
            raise UserCodeRefused
        tried = await asyncio.to_thread(_hash, presented, stored.salt)
        if not hmac.compare_digest(tried, stored.code_hash):
            raise UserCodeRefused
        async with self._db.session() as tx:
            await store.forgive(tx, trader_id)


def _hash(code: Secret, salt: bytes) -> bytes:
    return hashlib.scrypt(code.reveal(), salt=salt, **_COST)
