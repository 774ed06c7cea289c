"""`bind_device`: an enrolment code, a key of the phone's own, and its signature."""

import hmac
from uuid import UUID

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.core.canonical import canonical_json
from app.core.clock import Clock
from app.core.encoding import lp
from app.core.jose import Jwk, SignatureRejected, jwk_thumbprint, public_jwk
from app.core.statements import BindDevice as Signed
from app.core.statements import digest_bytes, verify
from app.db.pool import Database, Tx
from app.deciding.witness import check_fresh
from app.devices import store as devices
from app.devices.models import Device
from app.enrolment.errors import EnrolmentRefused
from app.enrolment.roots import NewPhone, answer, make_root
from app.outbox import store as outbox
from app.traders import store as traders
from app.vault.bootstrap import Bootstrap
from app.vault.evidence import Evidence
from app.vault.identity import Identity
from app.verbs.wire import BindDevice, BoundDevice


class DeviceBinding:
    def __init__(
        self,
        db: Database,
        evidence: Evidence,
        bootstrap: Bootstrap,
        identity: Identity,
        clock: Clock,
    ) -> None:
        self._db = db
        self._evidence = evidence
        self._bootstrap = bootstrap
        self._identity = identity
        self._clock = clock

    async def bind(self, request: BindDevice) -> BoundDevice:
        """Enrol a trader's first phone; the same key gets the same answer again.

        Raises
        ------
        KeyRejected, SignatureRejected
            The key is not P-256, or the statement is not by it about this code.
        EnrolmentRefused
            The code is unknown, expired, or another key answered it; then the still empty trader
            is frozen, because somebody else has seen the code.
        """
        # (1) The phone signed for its own key, this trader and this code.
        jwk = public_jwk(request.public_jwk, "ES256")
        jkt = self._check_statement(request, jwk)
        # (2) The token's secret is made in the HSM from what is stored, so it can be told again.
        secret = await self._bootstrap.secret_for(
            lp(b"tripcord/device-token/v1", request.trader_id.bytes, request.code_id.bytes,
               jkt.encode())
        )  # fmt: skip
        # (3) Redeem, mint, seal and log, or nothing.
        bound: BoundDevice | None = None
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            trader = await traders.get(tx, request.trader_id)
            code = await traders.find_code(
                tx, request.trader_id, request.code_id, request.code_hash
            )
            if trader is None or trader.frozen_empty or code is None:
                raise EnrolmentRefused
            if await traders.redeem_code(tx, request.trader_id, request.code_id, now, jkt):
                bound = await self._first_device(tx, request, jwk, jkt, secret.reveal())
            elif code.redeemed_by_jkt not in {None, jkt} and await _is_empty(tx, request.trader_id):
                await traders.freeze_empty(tx, request.trader_id)
                await _log(tx, request, Event.TRADER_FROZEN_EMPTY, None)
            else:
                raise EnrolmentRefused
        if bound is None:
            raise EnrolmentRefused
        return bound

    def _check_statement(self, request: BindDevice, jwk: Jwk) -> str:
        signed = verify(request.statement, Signed, expected_key=jwk)
        check_fresh(signed.iat, self._clock.now())
        jkt = jwk_thumbprint(jwk)
        if (signed.trader_id, signed.jkt, signed.name) != (request.trader_id, jkt, request.name):
            raise SignatureRejected
        if not hmac.compare_digest(digest_bytes(signed.code_sha256), request.code_text_hash):
            raise SignatureRejected
        return jkt

    async def _first_device(
        self, tx: Tx, request: BindDevice, jwk: Jwk, jkt: str, secret: bytes
    ) -> BoundDevice | None:
        trader_id, canonical = request.trader_id, canonical_json(jwk)
        for known in await devices.list_all(tx, trader_id):
            if known.public_jwk == canonical:
                await _log(tx, request, Event.DEVICE_BOUND, known, rule="answered_again")
                return answer(self._identity, known, secret)
        trader = await traders.get(tx, trader_id)
        if trader is None or trader.root_id is not None:
            return None
        phone = NewPhone(
            trader_id=trader_id,
            public_jwk=canonical,
            jkt=jkt,
            name=request.name,
            push=request.push,
        )
        device = await make_root(tx, self._evidence, phone, secret, now=self._clock.now())
        position = await _log(tx, request, Event.DEVICE_BOUND, device)
        await outbox.tell_platform(
            tx, trader_id, event="credential-change", fact="device", fact_id=device.device_id,
            position=position,
        )  # fmt: skip
        return answer(self._identity, device, secret)


async def _is_empty(tx: Tx, trader_id: UUID) -> bool:
    """Nothing to lose yet: no factor and no credential under this trader."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM totp_factor WHERE trader_id = $1)"
        " OR EXISTS (SELECT FROM passkey WHERE trader_id = $1)"
        " OR EXISTS (SELECT FROM exchange_credential WHERE trader_id = $1)",
        trader_id,
    )
    return not found


async def _log(
    tx: Tx, request: BindDevice, event: Event, device: Device | None, *, rule: str | None = None
) -> int:
    return await append_locked(
        tx,
        Entry(
            trader_id=request.trader_id,
            event=event,
            origin=request.origin,
            token_id=device.device_id if device else None,
            path=[device.root_id, device.device_id] if device else None,
            subject_id=request.code_id,
            rule=rule if device else "another_key_answered",
            outcome="ok" if device else "refused",
        ),
    )
