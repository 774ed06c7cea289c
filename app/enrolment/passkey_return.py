"""A passkey as the way back: it begins a re-enrolment, and is carried over to the new root."""

from uuid import UUID

import msgspec

from app.core.clock import Clock
from app.core.jose import jwk_thumbprint
from app.db.pool import Database, Tx
from app.deciding.passkeys import PasskeyProof, PasskeyVerifier
from app.devices.models import Device
from app.recovery.errors import ReEnrolmentOver, ReEnrolmentRefused
from app.recovery.models import ReEnrolment
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.wire import BeginReEnrolment
from app.webauthn import store
from app.webauthn.challenges import re_enrolment_challenge
from app.webauthn.errors import (
    ChallengeGone,
    CounterRegressed,
    PasskeyChanged,
    PasskeyFrozen,
    PasskeyRejected,
)
from app.webauthn.models import Passkey


class PasskeyReturn:
    def __init__(
        self, db: Database, evidence: Evidence, verifier: PasskeyVerifier, clock: Clock
    ) -> None:
        self._db = db
        self._evidence = evidence
        self._verifier = verifier
        self._clock = clock

    async def prove(self, request: BeginReEnrolment) -> PasskeyProof:
        """Verify a passkey's assertion over the new device's own statement.

        Raises
        ------
        ReEnrolmentRefused
            For whatever is wrong with it: who asks has proven nothing, and learns nothing.
        """
        try:
            return await self._proof(request)
        except (ChallengeGone, CounterRegressed, PasskeyFrozen, PasskeyRejected) as refused:
            raise ReEnrolmentRefused from refused

    async def _proof(self, request: BeginReEnrolment) -> PasskeyProof:
        if request.challenge_id is None or request.assertion is None:
            raise ChallengeGone
        async with self._db.transaction() as tx:
            trader = await traders.get(tx, request.trader_id)
            challenge = await store.take_challenge(
                tx,
                request.trader_id,
                request.challenge_id,
                purpose="re_enrol",
                bound_to=jwk_thumbprint(request.public_jwk),
                now=self._clock.now(),
            )
        if challenge is None or trader is None or trader.root_id is None:
            raise ChallengeGone
        return await self._verifier.prove(
            request.trader_id,
            trader.root_id,
            request.assertion,
            challenge=re_enrolment_challenge(challenge, request.statement),
            origin=request.origin,
            is_listed=False,
        )

    async def spend(self, tx: Tx, proof: PasskeyProof, root_id: UUID) -> None:
        """Use the assertion up in the caller's transaction, or raise ReEnrolmentRefused."""
        if proof.root_id != root_id:
            raise ReEnrolmentRefused
        try:
            await proof.spend(tx)
        except PasskeyChanged as refused:
            raise ReEnrolmentRefused from refused

    async def carry_over(self, tx: Tx, waiting: ReEnrolment, device: Device) -> list[Passkey]:
        """Write the old root's passkeys under the new one's, and return them.

        Where its owner said that the authenticator is lost, only the one it was begun with.

        Raises
        ------
        ReEnrolmentOver
            One changed in this moment.
        """
        carried = []
        for passkey in await store.list_all(tx, waiting.trader_id):
            lost = waiting.authenticator_lost and passkey.factor_id != waiting.passkey_id
            if passkey.root_id != waiting.root_id or lost:
                continue
            if passkey.state not in {"active", "frozen"}:
                continue
            await self._evidence.verify([(passkey.evidence(), passkey.mac)])
            following = msgspec.structs.replace(
                passkey, root_id=device.root_id, version=passkey.version + 1
            )
            (mac,) = await self._evidence.seal([following.evidence()])
            if not await store.write(tx, msgspec.structs.replace(following, mac=mac)):
                raise ReEnrolmentOver(rule="factor_changed")
            carried.append(following)
        return carried
