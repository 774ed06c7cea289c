"""Ask for a further phone: an enrolled one asks, a person approves, the new one binds itself."""

from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import asking
from app.approvals.actions import DeviceAdd
from app.approvals.models import LONGEST_LIFE, Approval
from app.core.canonical import canonical_json
from app.core.clock import Clock
from app.core.ids import new_id
from app.core.jose import Jwk, jwk_thumbprint
from app.core.origin import Origin
from app.db.pool import Database
from app.devices import store as devices
from app.devices.errors import KeyTaken
from app.guardrails.rungs import Verb, check_rung, rung_at
from app.tokens import store as tokens


class DeviceRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(
        self, trader_id: UUID, root_id: UUID, jwk: Jwk, *, name: str, origin: Origin
    ) -> Approval:
        """Store the approval for one more phone and ring the phones there are.

        Raises
        ------
        KeyTaken
            The key is a device of this trader already, or was one.
        RungForbids
            The root is contained: nothing is born under it.
        """
        async with self._db.locked(trader_id) as tx:
            level = await tokens.effective_level(tx, trader_id, [root_id])
            check_rung(rung_at(level), Verb.ENROL, node_id=root_id)
            known = {device.public_jwk for device in await devices.list_all(tx, trader_id)}
            if canonical_json(jwk) in known:
                raise KeyTaken
            action = DeviceAdd(
                trader_id=trader_id,
                device_id=new_id(),
                name=name,
                jkt=jwk_thumbprint(jwk),
                public_jwk=jwk,
                requested_by=origin.actor,
            )
            approval = await asking.ask(
                tx,
                action,
                requester=origin.actor,
                subject_id=action.device_id,
                now=self._clock.now(),
                address=origin.address,
                life=LONGEST_LIFE,
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
        return approval
