"""Ask to take an authenticator away: the device asks, a person approves, the signer removes."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import asking
from app.approvals.actions import FactorRemove
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.origin import Origin
from app.db.pool import Database
from app.otp import store as otp
from app.otp.errors import FactorNotFound, LastFactor
from app.webauthn import store as passkeys
from app.webauthn.models import usable


class FactorRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def remove_totp(
        self, trader_id: UUID, root_id: UUID, factor_id: UUID, origin: Origin
    ) -> UUID:
        """Store the approval for removing one authenticator as it is now; returns its id.

        Raises
        ------
        FactorNotFound
            No such living authenticator under this root.
        LastFactor
            Nobody is asked what could not be done: nothing would be left to approve with.
        """
        async with self._db.locked(trader_id) as tx:
            living = await otp.list_living(tx, trader_id, root_id)
            factor = next((one for one in living if one.factor_id == factor_id), None)
            if factor is None:
                raise FactorNotFound
            if len(living) == 1 and not usable(await passkeys.list_all(tx, trader_id), root_id):
                raise LastFactor
            action = FactorRemove(
                trader_id=trader_id,
                factor_id=factor_id,
                kind="totp",
                label=factor.label,
                device_id=factor.device_id,
                details_sha256=b64url(sha256(factor.evidence())),
            )
            approval = await asking.ask(
                tx,
                action,
                requester=origin.actor,
                subject_id=factor_id,
                now=self._clock.now(),
                address=origin.address,
            )
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.APPROVAL_REQUESTED,
                    origin=origin,
                    token_id=origin.device_id,
                    path=None if origin.device_id is None else [root_id, origin.device_id],
                    subject_id=approval.approval_id,
                    rule=approval.action_type,
                    request_digest=approval.digest,
                ),
            )
        return approval.approval_id
