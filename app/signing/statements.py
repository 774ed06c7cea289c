"""Step (1): what the model signed, for which grant, and when."""

from collections import OrderedDict
from datetime import timedelta
from uuid import UUID

import msgspec

from app.core.clock import Clock
from app.core.jose import Jwk, SignatureRejected
from app.core.statements import Order, verify
from app.db.pool import Database
from app.grants import store as grants
from app.signing.errors import GrantUnknown, OrderExpired
from app.verbs.wire import SignOrder

ORDER_LIFE = timedelta(seconds=30)
"""Longest life of a model's signature; it holds on arrival, not while a person decides."""

CLOCK_TOLERANCE = timedelta(seconds=2)
"""How far clocks may be apart: a model's and ours, ours and the database's."""

_MAX_KEYS = 10_000


def verify_again(jws: str, key: Jwk) -> Order:
    """The claims of an order's JWS, without its expiry: for orders that were held."""
    return verify(jws, Order, expected_key=key)


class OrderStatements:
    """Verifies orders before the lock is taken.

    The model keys kept here are public and no decision: under the lock each is compared with the
    grant's row, which the HSM vouches for.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._keys: OrderedDict[tuple[UUID, UUID], bytes] = OrderedDict()

    async def verify(self, request: SignOrder, jws: str) -> tuple[Order, bytes]:
        """The claims, and the key (canonical JWK) that verified them.

        Raises
        ------
        GrantUnknown, SignatureRejected, OrderExpired
            Not this grant's word, or not now.
        """
        if request.grant_id is None:
            raise GrantUnknown
        key = await self._model_key(request.trader_id, request.grant_id)
        claims = verify_again(jws, msgspec.json.decode(key))
        if (claims.trader_id, claims.grant_id) != (request.trader_id, request.grant_id):
            raise SignatureRejected
        self._check_window(claims)
        return claims, key

    def forget(self, trader_id: UUID, grant_id: UUID) -> None:
        """Drop a key that turned out not to be the row's."""
        self._keys.pop((trader_id, grant_id), None)

    async def _model_key(self, trader_id: UUID, grant_id: UUID) -> bytes:
        known = self._keys.get((trader_id, grant_id))
        if known is not None:
            return known
        async with self._db.session() as tx:
            grant = await grants.get(tx, trader_id, grant_id)
        if grant is None:
            raise GrantUnknown
        self._keys[trader_id, grant_id] = grant.model_jwk
        if len(self._keys) > _MAX_KEYS:
            self._keys.popitem(last=False)
        return grant.model_jwk

    def _check_window(self, claims: Order) -> None:
        now = self._clock.now().timestamp()
        life = claims.exp - claims.iat
        ahead = claims.iat - now > CLOCK_TOLERANCE.total_seconds()
        if not 0 < life <= ORDER_LIFE.total_seconds() or ahead or now >= claims.exp:
            raise OrderExpired
