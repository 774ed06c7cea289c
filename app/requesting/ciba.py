"""CIBA's requests: an approval asked for by one name, polled for by another."""

import hmac
from datetime import timedelta
from uuid import UUID

from app.approvals import store as approvals
from app.approvals.models import Approval, ApprovalState
from app.ciba import store
from app.ciba.errors import (
    AuthorizationPending,
    Denied,
    GrantInvalid,
    RequestExpired,
    SlowDown,
    UserUnknown,
)
from app.ciba.models import Wanted
from app.core import token
from app.core.clock import Clock
from app.core.origin import Origin
from app.core.token import Token, TokenKind
from app.db.pool import Database
from app.guardrails.strength import Strength
from app.platforms.models import Platform
from app.requesting.claiming import Claim
from app.requesting.external import ExternalRequest, ExternalRequests
from app.requesting.user_codes import UserCodes
from app.traders import store as traders

_PING_GRACE = timedelta(minutes=2)
"""After the request's end a ping is still worth something: that there is nothing more to come."""

_OVER = frozenset(
    {
        ApprovalState.DENIED,
        ApprovalState.FRAUD,
        ApprovalState.CANCELLED,
        ApprovalState.SUPERSEDED,
    }
)


class CibaRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._external = ExternalRequests(db, clock)
        self._user_codes = UserCodes(db, clock)

    async def begin(
        self, platform: Platform, trader_id: UUID, wanted: Wanted, origin: Origin
    ) -> tuple[Token, int]:
        """Ask the trader; the `auth_req_id`, and for how many seconds it is good.

        Approval, name and what a ping will need are one commit.

        Raises
        ------
        UserUnknown
            No trader of this platform.
        UserCodeMissing, UserCodeRefused
            The trader wants to be asked only by who knows a code.
        DetailsRefused, ParentNotActive, RungForbids, …
            As `ExternalRequests.request`.
        """
        async with self._db.session() as tx:
            trader = await traders.get(tx, trader_id)
        if trader is None or trader.platform_id != platform.platform_id:
            raise UserUnknown
        await self._user_codes.check(trader_id, wanted.user_code)
        claim = Claim(message=wanted.binding_message) if wanted.binding_message else None
        asked = ExternalRequest(
            trader_id=trader_id,
            details=wanted.details,
            claim=claim,
            life=wanted.life,
            least=wanted.least or Strength.MEDIUM,  # what signs in is never less
        )
        async with self._db.locked(trader_id) as tx:
            approval = await self._external.request_locked(
                tx, asked, platform=platform, origin=origin, now=self._clock.now()
            )
            request = token.mint(TokenKind.REQUEST, trader_id, approval.approval_id)
            await store.insert(tx, request, platform.platform_id)
            if wanted.notification_token is not None:
                await store.insert_ping(
                    tx,
                    request,
                    platform.platform_id,
                    wanted.notification_token,
                    approval.expires_at + _PING_GRACE,
                )
        return request, int((approval.expires_at - approval.created_at).total_seconds())

    async def poll(self, platform_id: UUID, presented: Token) -> Approval:
        """The approval behind an `auth_req_id`, once it was approved and until it is redeemed.

        It redeems nothing: that is the signer's, in one conditional write.

        Raises
        ------
        GrantInvalid
            No such request, another client's, or redeemed.
        AuthorizationPending, SlowDown
            Ask again after the interval, which a poll that comes too soon makes longer.
        RequestExpired, Denied
            It is over.
        """
        trader_id, approval_id = presented.trader_id, presented.token_id
        async with self._db.session() as tx:
            request = await store.get(tx, trader_id, approval_id)
            if (
                request is None
                or request.platform_id != platform_id
                or not hmac.compare_digest(request.auth_req_hash, presented.secret_hash())
            ):
                raise GrantInvalid
            approval = await approvals.get(tx, trader_id, approval_id)
            now = self._clock.now()
            if approval is None or approval.state is ApprovalState.CONSUMED:
                raise GrantInvalid
            if approval.state in _OVER:
                raise Denied
            if approval.state is ApprovalState.EXPIRED or now >= approval.expires_at:
                raise RequestExpired
            if approval.state is ApprovalState.APPROVED:
                return approval
            if await store.is_too_fast(tx, trader_id, approval_id, now):
                raise SlowDown
        raise AuthorizationPending
