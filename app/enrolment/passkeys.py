"""`open_ceremony` and `bind_passkey`: a challenge, the device's word, a verified registration."""

import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.actions import FactorAdd
from app.approvals.asking import ask
from app.approvals.models import LONGEST_LIFE
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.encoding import b64url, lp
from app.core.errors import Malformed
from app.core.ids import new_id
from app.core.statements import BindPasskey as Signed
from app.core.statements import digest_bytes
from app.db.errors import Conflict
from app.db.pool import Database, Tx
from app.deciding.errors import StatementRejected
from app.deciding.witness import Witness, bind_passkey_statement
from app.devices.models import Device
from app.enrolment.errors import EnrolmentRefused
from app.enrolment.factor_strength import to_add
from app.enrolment.factors import is_first
from app.guardrails.rungs import Verb
from app.outbox import store as outbox
from app.traders import store as traders
from app.vault.evidence import Evidence
from app.verbs.answers import BoundPasskey, OpenedCeremony
from app.verbs.wire import BindPasskey, OpenCeremony
from app.webauthn import store
from app.webauthn.challenges import creation_options
from app.webauthn.errors import ChallengeGone, PasskeyRejected, TooManyChallenges
from app.webauthn.models import (
    CHALLENGE_BYTES,
    CHALLENGE_LIFE,
    Challenge,
    Passkey,
    Purpose,
    Registered,
    RelyingParty,
)
from app.webauthn.registration import verify_registration
from app.webauthn.responses import Registration, read_registration

MOST_OPEN: dict[Purpose, int] = {"register": 5, "re_enrol": 20}
"""Challenges open at once: of a trader's devices together, and of each key that comes back. That
one has no token yet, so anybody may ask in a trader's name, and uses up nobody's but his own."""


def response_digest(response: Registration) -> bytes:
    """What a device signs of a registration: SHA-256 over its parts, length-prefixed."""
    transports = [name.encode() for name in response.transports]
    return sha256(lp(response.client_data, response.attestation_object, *transports))


class PasskeyBinding:
    def __init__(
        self,
        db: Database,
        witness: Witness,
        evidence: Evidence,
        relying_party: RelyingParty,
        clock: Clock,
    ) -> None:
        self._db = db
        self._witness = witness
        self._evidence = evidence
        self._relying_party = relying_party
        self._clock = clock

    async def open_ceremony(self, request: OpenCeremony) -> OpenedCeremony:
        """A challenge for one ceremony of one device, or of one key that has no token yet.

        An unknown trader gets a challenge like any other, and nothing comes of it.

        Raises
        ------
        TooManyChallenges
            Several are open already.
        DeviceRejected, EvidenceForged, RungForbids
            The device is not this trader's, or may not enrol now.
        """
        if request.purpose == "re_enrol":
            return await self._open_for_key(request)
        if request.device_id is None or not request.label:
            raise Malformed
        challenge = self._challenge(request, f"device:{request.device_id}")
        async with self._db.locked(request.trader_id) as tx:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
            await self._witness.check_may(tx, device, Verb.ENROL)
            every = await store.list_all(tx, request.trader_id)
            known = [p for p in every if _stands(p, device.root_id, challenge.created_at)]
            await self._store(tx, challenge)
            await append_locked(
                tx,
                Entry(
                    trader_id=request.trader_id,
                    event=Event.PASSKEY_CHALLENGED,
                    origin=request.origin,
                    token_id=device.device_id,
                    path=[device.root_id, device.device_id],
                    subject_id=challenge.challenge_id,
                    rule=request.purpose,
                ),
            )
        rp_id = self._relying_party.rp_id
        options = creation_options(challenge, rp_id, known, label=request.label)
        return self._opened(challenge, options)

    async def _open_for_key(self, request: OpenCeremony) -> OpenedCeremony:
        if request.jkt is None:
            raise Malformed
        challenge = self._challenge(request, request.jkt)
        # Nobody has proven anything: no lock is taken, and an unknown trader has no row.
        async with self._db.transaction() as tx:
            if await traders.get(tx, request.trader_id) is not None:
                await self._store(tx, challenge)
        return self._opened(challenge, None)

    async def bind(self, request: BindPasskey) -> BoundPasskey:
        """Bind a trader's first factor, or register a passkey that waits for an approval.

        Raises
        ------
        DeviceRejected, SignatureRejected, StatementRejected
            The device's word is missing, or is about something else.
        ChallengeGone
            It was used, is over, or was another device's. It is used up whatever comes of it.
        PasskeyRejected
            `rule` names the step of WebAuthn section 7.1.
        EnrolmentRefused
            A second key answered the enrolment code: somebody else has seen it.
        """
        # (1) The device, and that it signed for this very response.
        async with self._db.session() as tx:
            device = await self._witness.device(tx, request.trader_id, request.device_id)
        signed = bind_passkey_statement(request.statement, device, self._clock.now())
        response = read_registration(request.response)
        if digest_bytes(signed.response_sha256) != response_digest(response):
            raise StatementRejected
        # (2) The challenge, once: in its own transaction, so that no failure gives it back.
        challenge = await self._take(device, signed)
        # (3) WebAuthn section 7.1.
        registered = verify_registration(
            response, expected_challenge=challenge, relying_party=self._relying_party
        )
        # (4) Under the lock: the first factor, or a question.
        try:
            async with self._db.locked(request.trader_id) as tx:
                await self._witness.check_may(tx, device, Verb.ENROL)
                trader = await traders.get(tx, request.trader_id)
                if trader is None or trader.frozen_empty:
                    raise EnrolmentRefused
                return await self._store_new(tx, request, device, signed, registered)
        except Conflict:
            raise PasskeyRejected(rule="credential_id_taken") from None

    async def _take(self, device: Device, signed: Signed) -> bytes:
        async with self._db.transaction() as tx:
            challenge = await store.take_challenge(
                tx,
                device.trader_id,
                signed.challenge_id,
                purpose="register",
                bound_to=f"device:{device.device_id}",
                now=self._clock.now(),
            )
        if challenge is None:
            raise ChallengeGone
        return challenge

    async def _store_new(
        self,
        tx: Tx,
        request: BindPasskey,
        device: Device,
        signed: Signed,
        registered: Registered,
    ) -> BoundPasskey:
        first, now = await is_first(tx, self._evidence, device), self._clock.now()
        passkey = self._row(device, signed.label, registered, is_first=first, now=now)
        (mac,) = await self._evidence.seal([passkey.evidence()])
        await store.insert(tx, msgspec.structs.replace(passkey, mac=mac))
        event = Event.PASSKEY_BOUND if first else Event.PASSKEY_REGISTERED
        position = await self._log(tx, request, device, passkey, event)
        if first:
            await outbox.tell_platform(
                tx, device.trader_id, event="credential-change", fact="passkey",
                fact_id=passkey.factor_id, position=position,
            )  # fmt: skip
            return BoundPasskey(factor_id=passkey.factor_id, state="active")
        approval = await ask(
            tx,
            FactorAdd(
                trader_id=device.trader_id,
                factor_id=passkey.factor_id,
                kind="webauthn",
                label=passkey.label,
                device_id=device.device_id,
                details_sha256=b64url(passkey.details_digest()),
            ),
            requester=f"device:{device.device_id}",
            subject_id=passkey.factor_id,
            now=now,
            life=LONGEST_LIFE,
            address=request.origin.address,
            strength=await to_add(tx, self._evidence, device),
        )
        await append_locked(
            tx,
            Entry(
                trader_id=device.trader_id,
                event=Event.APPROVAL_REQUESTED,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=approval.approval_id,
                rule=approval.action_type,
                request_digest=approval.digest,
            ),
        )
        return BoundPasskey(
            factor_id=passkey.factor_id, state="pending", approval_id=approval.approval_id
        )

    def _row(
        self, device: Device, label: str, registered: Registered, *, is_first: bool, now: datetime
    ) -> Passkey:
        return Passkey(
            trader_id=device.trader_id,
            factor_id=new_id(),
            root_id=device.root_id,
            device_id=device.device_id,
            credential_id=registered.credential_id,
            public_key=registered.public_key,
            sign_count=registered.sign_count,
            backup_eligible=registered.backup_eligible,
            backed_up=registered.backed_up,
            transports=registered.transports,
            aaguid=registered.aaguid,
            attestation=registered.attestation,
            rp_id=self._relying_party.rp_id,
            label=label,
            state="active" if is_first else "pending",
            bound_at=now,
            version=1,
            mac=b"",
        )

    def _challenge(self, request: OpenCeremony, bound_to: str) -> Challenge:
        now = self._clock.now()
        return Challenge(
            trader_id=request.trader_id,
            challenge_id=new_id(),
            purpose=request.purpose,
            bound_to=bound_to,
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
            created_at=now,
            expires_at=now + CHALLENGE_LIFE,
        )

    async def _store(self, tx: Tx, challenge: Challenge) -> None:
        if not await store.open_challenge(tx, challenge, most=MOST_OPEN[challenge.purpose]):
            raise TooManyChallenges(retry_after_seconds=int(CHALLENGE_LIFE.total_seconds()))

    def _opened(self, challenge: Challenge, options: dict[str, object] | None) -> OpenedCeremony:
        return OpenedCeremony(
            challenge_id=challenge.challenge_id,
            challenge=challenge.challenge,
            rp_id=self._relying_party.rp_id,
            expires_at=challenge.expires_at,
            options=options,
        )

    async def _log(
        self, tx: Tx, request: BindPasskey, device: Device, passkey: Passkey, event: Event
    ) -> int:
        return await append_locked(
            tx,
            Entry(
                trader_id=device.trader_id,
                event=event,
                origin=request.origin,
                token_id=device.device_id,
                path=[device.root_id, device.device_id],
                subject_id=passkey.factor_id,
                request_digest=sha256(request.statement.encode()),
            ),
        )


def _stands(passkey: Passkey, root_id: UUID, now: datetime) -> bool:
    """Whether its authenticator must not make another; one nobody approved in time is no reason."""
    if passkey.root_id != root_id or passkey.state == "removed":
        return False
    return passkey.state != "pending" or now < passkey.bound_at + LONGEST_LIFE
