"""Ask for the removal of a passkey: a person approves, the signer removes."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.actions import FactorRemove
from app.approvals.asking import ask
from app.approvals.models import LONGEST_LIFE
from app.core.clock import Clock
from app.core.encoding import b64url
from app.core.origin import Origin
from app.db.pool import Database
from app.guardrails.strength import Strength
from app.webauthn import store
from app.webauthn.errors import PasskeyNotFound


class PasskeyRemovals:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def request(
        self, trader_id: UUID, factor_id: UUID, *, origin: Origin, path: list[UUID]
    ) -> UUID:
        """Store the approval of a removal and ring the phones; returns the approval's id.

        Raises
        ------
        PasskeyNotFound
            No such passkey of this trader that could still approve or was frozen.
        """
        async with self._db.locked(trader_id) as tx:
            passkey = await store.get(tx, trader_id, factor_id)
            if passkey is None or passkey.state not in {"active", "frozen"}:
                raise PasskeyNotFound
            # What this row says decides what is asked for. What it takes, the signer decides.
            approval = await ask(
                tx,
                FactorRemove(
                    trader_id=trader_id,
                    factor_id=factor_id,
                    kind="webauthn",
                    label=passkey.label,
                    device_id=passkey.device_id,
                    details_sha256=b64url(passkey.details_digest()),
                ),
                requester=origin.actor,
                subject_id=factor_id,
                now=self._clock.now(),
                life=LONGEST_LIFE,
                strength=None if passkey.state == "frozen" else Strength.PHISHING_RESISTANT,
                address=origin.address,
            )
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.APPROVAL_REQUESTED,
                    origin=origin,
                    token_id=origin.device_id,
                    path=path,
                    subject_id=approval.approval_id,
                    rule=approval.action_type,
                    request_digest=approval.digest,
                ),
            )
        return approval.approval_id
