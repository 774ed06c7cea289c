"""Recovery codes and re-enrolments, as a phone makes them, through the verbs."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.core.canonical import canonical_json
from app.core.ids import new_id
from app.core.origin import Origin
from app.devices import store as devices
from app.devices.models import Device
from app.recovery import store
from app.vault.evidence import Evidence
from app.verbs.answers import BegunReEnrolment
from app.verbs.wire import (
    BeginReEnrolment,
    BindRecoveryCodes,
    BoundRecoveryCodes,
    EndedReEnrolment,
    EndReEnrolment,
    PushTarget,
)
from tests.core.keys import P256, Ed25519, jws, text
from tests.signing.bot import now
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader


class PaperCode(Ed25519):
    """One code: 16 bytes on paper, and the key whose seed they make together with the trader."""

    def __init__(self, trader_id: UUID) -> None:
        super().__init__()
        self.code_id, self.secret = new_id(), secrets.token_bytes(16)
        seed = hashlib.sha256(
            b"tripcord/recovery-code/v1\0" + trader_id.bytes + self.code_id.bytes + self.secret
        ).digest()
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        raw = self._private.public_key().public_bytes_raw()
        self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": text(raw)}


class Recovering:
    """A trader who made codes, and later stands there with a new phone."""

    def __init__(self, trader: Trader) -> None:
        self.trader, self.signer = trader, trader.signer
        self.codes: list[PaperCode] = []
        self.device = P256()
        self.re_enrolment_id: UUID

    def codes_request(
        self, drawn: list[PaperCode] | None = None, approval_id: UUID | None = None, **changes: Any
    ) -> BindRecoveryCodes:
        trader, drawn = self.trader, self.codes if drawn is None else drawn
        claims = {
            "domain": "tripcord/recovery-codes/v1", "trader_id": str(trader.trader_id),
            "device_id": str(trader.bound.device_id), "iat": now(),
            "codes": [{"code_id": str(c.code_id), "x": c.jwk["x"]} for c in drawn],
        } | changes  # fmt: skip
        return BindRecoveryCodes(
            trader_id=trader.trader_id, device_id=trader.bound.device_id,
            statement=jws(trader.device, DEVICE_TYP, claims), approval_id=approval_id,
            origin=trader.origin,
        )  # fmt: skip

    def draw(self) -> list[PaperCode]:
        self.codes = [PaperCode(self.trader.trader_id) for _ in range(10)]
        return self.codes

    async def make_codes(self) -> list[PaperCode]:
        """Ten codes on paper: bound at once on the first day, else with an approval."""
        self.draw()
        asked = self.codes_request()
        answer: BoundRecoveryCodes = await self.signer.ask(asked)
        if answer.approval_id is not None:
            await self.trader.approve(answer.approval_id)
            with_approval = msgspec.structs.replace(asked, approval_id=answer.approval_id)
            answer = await self.signer.ask(with_approval)
        assert answer.state == "bound"
        return self.codes

    def begin_request(
        self,
        code: PaperCode | None = None,
        *,
        device: P256 | None = None,
        authenticator_lost: bool = False,
        code_claims: dict[str, Any] | None = None,
        push: PushTarget | None = None,
        **changes: Any,
    ) -> BeginReEnrolment:
        trader, device, code = self.trader, device or self.device, code or self.codes[0]
        claims = {
            "domain": "tripcord/re-enrol/v1", "trader_id": str(trader.trader_id),
            "code_id": str(code.code_id), "jkt": device.jkt, "name": "new phone",
            "authenticator_lost": authenticator_lost, "iat": now(),
        } | changes  # fmt: skip
        return BeginReEnrolment(
            trader_id=trader.trader_id, code_id=code.code_id, public_jwk=device.jwk,
            name="new phone", push=push, statement=jws(device, DEVICE_TYP, claims),
            code_statement=jws(code, DEVICE_TYP, claims | (code_claims or {})),
            origin=Origin(actor=f"device:{device.jkt}"),
        )  # fmt: skip

    async def begin(self, code: PaperCode | None = None, **changes: Any) -> BegunReEnrolment:
        begun: BegunReEnrolment = await self.signer.ask(self.begin_request(code, **changes))
        self.re_enrolment_id = begun.re_enrolment_id
        return begun

    def end_request(
        self, act: Any, *, key: P256 | None = None, device_id: UUID | None = None, **changes: Any
    ) -> EndReEnrolment:
        """Complete or cancel with the new key; a veto with the old phone's."""
        veto = act == "veto"
        key = key or (self.trader.device if veto else self.device)
        claims = {
            "domain": "tripcord/re-enrolment-end/v1", "trader_id": str(self.trader.trader_id),
            "re_enrolment_id": str(self.re_enrolment_id), "act": act, "iat": now(),
        } | changes  # fmt: skip
        return EndReEnrolment(
            trader_id=self.trader.trader_id, re_enrolment_id=self.re_enrolment_id, act=act,
            device_id=device_id or (self.trader.bound.device_id if veto else None),
            statement=jws(key, DEVICE_TYP, claims), origin=Origin(actor=f"device:{key.jkt}"),
        )  # fmt: skip

    async def complete(self) -> EndedReEnrolment:
        ended: EndedReEnrolment = await self.signer.ask(self.end_request("complete"))
        return ended

    async def let_wait(self, duration: timedelta = timedelta(hours=24, seconds=1)) -> None:
        """As if it had begun that much earlier.

        Cheats beneath the signer, which refuses when its clock and the database's differ: the
        row is moved back and sealed again with the signer's own key.
        """
        async with self.signer.db.session() as tx:
            row = await store.get(tx, self.trader.trader_id, self.re_enrolment_id)
        assert row is not None
        earlier: dict[str, datetime] = {
            name: getattr(row, name) - duration for name in ("begun_at", "not_before", "expires_at")
        }
        moved = msgspec.structs.replace(row, **cast("Any", earlier))
        (mac,) = await Evidence(self.signer.parts.workers).seal([moved.evidence()])
        statement = (
            "UPDATE re_enrolment SET begun_at = $2, not_before = $3, expires_at = $4, mac = $5"
            " WHERE re_enrolment_id = $1"
        )
        await self.signer.as_owner(
            (statement, self.re_enrolment_id, moved.begun_at, moved.not_before,
             moved.expires_at, mac)
        )  # fmt: skip

    async def row(self) -> Any:
        return await self.signer.admin.fetchrow(
            "SELECT * FROM re_enrolment WHERE re_enrolment_id = $1", self.re_enrolment_id
        )

    async def state(self) -> str:
        return str((await self.row())["state"])

    async def move_in(self, ended: EndedReEnrolment) -> None:
        """From here on the trader's phone is the new one."""
        assert ended.device is not None
        self.trader.bound, self.trader.device = ended.device, self.device


async def another_device(trader: Trader) -> tuple[P256, UUID]:
    """A second phone under the same root, sealed as the signer would.

    Cheats beneath the verbs: there is none that binds a later device yet.
    """
    key, device_id = P256(), new_id()
    await trader.signer.admin.execute(
        "SELECT mint_token($1,$2,'device',$3,$4,$5,'{control}','second',now() + interval '1 day')",
        *(trader.trader_id, device_id, trader.root_id, secrets.token_bytes(32), key.jkt),
    )
    device = Device(
        trader_id=trader.trader_id, device_id=device_id, root_id=trader.root_id,
        public_jwk=canonical_json(key.jwk), name="second", bound_at=trader.signer.clock.now(),
        version=1, mac=b"",
    )  # fmt: skip
    (mac,) = await Evidence(trader.signer.parts.workers).seal([device.evidence()])
    async with trader.signer.db.transaction() as tx:
        await devices.insert(tx, msgspec.structs.replace(device, mac=mac))
    return key, device_id
