"""A trader's passkeys, made and used by the software authenticator, through the verbs."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec

from app.core.origin import Origin
from app.verbs.answers import BegunReEnrolment, BoundPasskey, OpenedCeremony
from app.verbs.wire import (
    BeginReEnrolment,
    BindPasskey,
    Decide,
    Decided,
    OpenCeremony,
    SealedChange,
)
from scripts.clients.authenticator import Authenticator
from scripts.clients.encoding import Json, b64url_decode, lp
from tests.core.keys import P256, jws, text
from tests.signing.bot import now
from tests.signing.parts import RELYING_PARTY
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader

WEB = "https://cord.example"


class Passkeys:
    """`made_by` is the authenticator in the trader's phone."""

    def __init__(self, trader: Trader, *, synced: bool = False) -> None:
        self.trader, self.signer = trader, trader.signer
        self.made_by = Authenticator(origin=WEB, synced=synced)
        self.factor_id: UUID

    def ceremony_request(self, **changes: Any) -> OpenCeremony:
        asked = OpenCeremony(
            trader_id=self.trader.trader_id, purpose="register",
            device_id=self.trader.bound.device_id, jkt=None, label="phone",
            origin=self.trader.origin,
        )  # fmt: skip
        return msgspec.structs.replace(asked, **changes)

    async def open(self, **changes: Any) -> OpenedCeremony:
        opened: OpenedCeremony = await self.signer.ask(self.ceremony_request(**changes))
        return opened

    def bind_request(self, opened: OpenedCeremony, response: Json, **changes: Any) -> BindPasskey:
        claims = {
            "domain": "tripcord/bind-passkey/v1", "trader_id": str(self.trader.trader_id),
            "device_id": str(self.trader.bound.device_id),
            "challenge_id": str(opened.challenge_id),
            "response_sha256": text(response_digest(response)), "label": "phone", "iat": now(),
        } | changes  # fmt: skip
        return BindPasskey(
            trader_id=self.trader.trader_id, device_id=self.trader.bound.device_id,
            statement=jws(self.trader.device, DEVICE_TYP, claims),
            response=msgspec.json.encode(response), origin=self.trader.origin,
        )  # fmt: skip

    async def register(self) -> BoundPasskey:
        """One ceremony: active at once, or waiting for its approval."""
        opened = await self.open()
        assert opened.options is not None
        response = self.made_by.create(opened.options)
        bound: BoundPasskey = await self.signer.ask(self.bind_request(opened, response))
        self.factor_id = bound.factor_id
        return bound

    async def add(self) -> UUID:
        """Register beside an authenticator app, approve with its code, and let it be so."""
        bound = await self.register()
        if bound.approval_id is not None:
            await self.trader.approve(bound.approval_id)
            sealed: SealedChange = await self.signer.ask(
                self.trader.seal_request(bound.approval_id)
            )
            assert sealed.state == "active"
        return self.factor_id

    async def challenge(self, approval_id: UUID) -> bytes:
        """What a phone computes from the bytes it shows, with no code of the service's."""
        row = await self.signer.admin.fetchrow(
            "SELECT nonce, action FROM approval WHERE approval_id = $1", approval_id
        )
        digest = hashlib.sha256(row["action"]).digest()
        message = b"tripcord/approve/v1\0" + approval_id.bytes + row["nonce"] + digest
        return hashlib.sha256(message).digest()

    async def decide_request(
        self, approval_id: UUID, assertion: Json | None = None, **claims: Any
    ) -> Decide:
        if assertion is None:
            assertion = self.made_by.get(
                rp_id=RELYING_PARTY.rp_id, challenge=await self.challenge(approval_id)
            )
        said = {"method": "webauthn"} | claims
        return Decide(
            trader_id=self.trader.trader_id, approval_id=approval_id,
            statement=await self.trader.decision(approval_id, claims=said), code=None,
            origin=self.trader.origin, assertion=msgspec.json.encode(assertion),
        )  # fmt: skip

    async def approve(self, approval_id: UUID) -> Decided:
        decided: Decided = await self.signer.ask(await self.decide_request(approval_id))
        return decided

    async def row(self, factor_id: UUID | None = None) -> Any:
        return await self.signer.admin.fetchrow(
            "SELECT * FROM passkey WHERE factor_id = $1", factor_id or self.factor_id
        )

    async def open_return(self, device: P256) -> OpenedCeremony:
        opened: OpenedCeremony = await self.signer.ask(
            OpenCeremony(
                trader_id=self.trader.trader_id, purpose="re_enrol", device_id=None,
                jkt=device.jkt, label=None, origin=Origin(actor=f"device:{device.jkt}"),
            )
        )  # fmt: skip
        return opened

    def return_request(
        self, opened: OpenedCeremony, device: P256, *, lost: bool = False, **changes: Any
    ) -> BeginReEnrolment:
        """A new phone that has this authenticator (a synced passkey, say) asks to come back."""
        claims = {
            "domain": "tripcord/re-enrol-by-passkey/v1", "trader_id": str(self.trader.trader_id),
            "challenge_id": str(opened.challenge_id), "jkt": device.jkt, "name": "new phone",
            "authenticator_lost": lost, "iat": now(),
        } | changes  # fmt: skip
        statement = jws(device, DEVICE_TYP, claims)
        digest = hashlib.sha256(statement.encode()).digest()
        challenge = hashlib.sha256(b"tripcord/re-enrol/v1\0" + opened.challenge + digest).digest()
        assertion = self.made_by.get(rp_id=opened.rp_id, challenge=challenge)
        return BeginReEnrolment(
            trader_id=self.trader.trader_id, code_id=None, public_jwk=device.jwk,
            name="new phone", push=None, statement=statement, code_statement=None,
            origin=Origin(actor=f"device:{device.jkt}"), challenge_id=opened.challenge_id,
            assertion=msgspec.json.encode(assertion),
        )  # fmt: skip

    async def come_back(self, device: P256, **changes: Any) -> BegunReEnrolment:
        opened = await self.open_return(device)
        begun: BegunReEnrolment = await self.signer.ask(
            self.return_request(opened, device, **changes)
        )
        return begun


def response_digest(response: Json) -> bytes:
    """As the phone computes it."""
    inner = response["response"]
    return hashlib.sha256(
        lp(
            b64url_decode(inner["clientDataJSON"]),
            b64url_decode(inner["attestationObject"]),
            *(name.encode() for name in inner["transports"]),
        )
    ).digest()
