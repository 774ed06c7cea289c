"""Prove possession of a passkey: for a decision, and for coming back without any device."""

from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.deciding.ending import TOLD_FOR
from app.deciding.methods import Asked, Proof
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.vault.evidence import Evidence
from app.webauthn import store
from app.webauthn.assertion import check_counter, verify_assertion
from app.webauthn.challenges import approval_challenge
from app.webauthn.errors import CounterRegressed, PasskeyChanged, PasskeyFrozen, PasskeyRejected
from app.webauthn.models import Passkey, RelyingParty, usable
from app.webauthn.responses import read_assertion


class PasskeyProof:
    """An assertion that was verified, and the row's next version, sealed and not yet written."""

    def __init__(self, seen: Passkey, following: Passkey) -> None:
        self._seen = seen
        self._next = following

    @property
    def factor_id(self) -> UUID:
        return self._seen.factor_id

    @property
    def root_id(self) -> UUID:
        return self._seen.root_id

    async def spend(self, tx: Tx) -> None:
        """Write the counter, or raise PasskeyChanged where the row was used or frozen meanwhile."""
        if self._next is self._seen:  # an authenticator without a counter, and nothing else new
            unchanged = await store.is_version(tx, self._seen)
        else:
            unchanged = await store.write(tx, self._next)
        if not unchanged:
            raise PasskeyChanged


class PasskeyVerifier:
    def __init__(
        self, db: Database, evidence: Evidence, clock: Clock, relying_party: RelyingParty
    ) -> None:
        self._db = db
        self._evidence = evidence
        self._clock = clock
        self._relying_party = relying_party

    async def prove(
        self,
        trader_id: UUID,
        root_id: UUID,
        raw: bytes,
        *,
        challenge: bytes,
        origin: Origin,
        is_listed: bool = True,
    ) -> PasskeyProof:
        """Verify an assertion (AuthenticationResponseJSON) over `challenge`.

        With `is_listed` the trader's own passkeys were offered to the authenticator; without, the
        passkey must say itself whose it is.

        Raises
        ------
        PasskeyRejected
            `rule` names the step of WebAuthn section 7.2.
        PasskeyFrozen
            It went back before.
        CounterRegressed
            It goes back now: frozen, logged and told, in a transaction of its own.
        EvidenceForged
            The row is not as the signer wrote it.
        """
        response = read_assertion(raw)
        async with self._db.session() as tx:
            known = [p for p in await store.list_all(tx, trader_id) if p.root_id == root_id]
        passkey = next((p for p in known if p.credential_id == response.credential_id), None)
        if passkey is None or passkey.state in {"pending", "removed"}:
            raise PasskeyRejected(rule="allow_list")
        await self._evidence.verify([(passkey.evidence(), passkey.mac)])
        if passkey.state == "frozen":
            raise PasskeyFrozen
        asserted = verify_assertion(
            response,
            passkey=passkey,
            allowed_ids={p.credential_id for p in usable(known, root_id)} if is_listed else None,
            expected_challenge=challenge,
            relying_party=self._relying_party,
        )
        try:
            check_counter(passkey, asserted)
        except CounterRegressed:
            await self._freeze(passkey, origin)
            raise
        if (asserted.sign_count, asserted.backed_up) == (passkey.sign_count, passkey.backed_up):
            return PasskeyProof(passkey, passkey)
        used = msgspec.structs.replace(
            passkey, sign_count=asserted.sign_count, backed_up=asserted.backed_up
        )
        return PasskeyProof(passkey, await self.next_version(used))

    async def next_version(self, changed: Passkey) -> Passkey:
        """The row's next version with its MAC; `changed` comes from a row that was believed."""
        following = msgspec.structs.replace(changed, version=changed.version + 1)
        (mac,) = await self._evidence.seal([following.evidence()])
        return msgspec.structs.replace(following, mac=mac)

    async def _freeze(self, passkey: Passkey, origin: Origin) -> None:
        # Own transaction: the decision that brought it here is refused, and this stays.
        async with self._db.locked(passkey.trader_id) as tx:
            now = await store.get(tx, passkey.trader_id, passkey.factor_id)
            if now is None or now.state != "active":
                return
            await self._evidence.verify([(now.evidence(), now.mac)])
            frozen = await self.next_version(msgspec.structs.replace(now, state="frozen"))
            if not await store.write(tx, frozen):
                raise PasskeyChanged
            await append_locked(
                tx,
                Entry(
                    trader_id=passkey.trader_id,
                    event=Event.PASSKEY_FROZEN,
                    origin=origin,
                    token_id=origin.device_id or passkey.root_id,
                    path=[passkey.root_id, *([origin.device_id] if origin.device_id else [])],
                    subject_id=passkey.factor_id,
                    rule="counter_regressed",
                ),
            )
            await outbox.ring(
                tx, passkey.trader_id, Topic.SECURITY, passkey.factor_id,
                self._clock.now() + TOLD_FOR,
            )  # fmt: skip


class PasskeyMethod:
    """Approving with a passkey: its challenge is the approval itself."""

    def __init__(self, passkeys: PasskeyVerifier) -> None:
        self._passkeys = passkeys

    async def prove(self, asked: Asked) -> Proof:
        """As `PasskeyVerifier.prove`, for the assertion that came with the decision."""
        if asked.assertion is None:
            raise Malformed
        approval, device = asked.approval, asked.device
        return await self._passkeys.prove(
            approval.trader_id,
            device.root_id,
            asked.assertion,
            challenge=approval_challenge(approval.approval_id, approval.nonce, approval.digest),
            origin=asked.origin,
        )
