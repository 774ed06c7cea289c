"""/v1/devices, /v1/sealing-keys, /v1/factors: what a phone is and proves with."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.accesslog.models import Event
from app.api import shapes
from app.api.edge import FRESH_SIGN_IN, AnyRequest
from app.api.errors import ProofRejected
from app.api.services import Services
from app.core import token
from app.core.canonical import sha256
from app.core.encoding import b64url, b64url_decode
from app.core.jose import jwk_thumbprint, public_jwk
from app.core.token import TokenKind
from app.devices import store as devices
from app.otp import store as otp
from app.verbs import wire


class DeviceController(Controller):
    path = "/v1/devices"
    tags = ("devices",)

    @post()
    async def bind(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewDevice],
        services: NamedDependency[Services],
    ) -> shapes.DeviceBound:
        """Enrol the trader's first phone. The proof and the statement are by its own key."""
        proof = await services.edge.proof_only(request)
        jwk = public_jwk(data.public_jwk, "ES256")
        if jwk_thumbprint(jwk) != proof.jkt:
            raise ProofRejected
        code = token.parse(data.enrolment_code, TokenKind.ENROL)
        bound: wire.BoundDevice = await services.ask_signer(
            request,
            wire.BindDevice(
                trader_id=code.trader_id,
                code_id=code.token_id,
                code_hash=code.secret_hash(),
                code_text_hash=sha256(data.enrolment_code.encode()),
                public_jwk=jwk,
                name=data.name,
                push=push_target(data.push),
                statement=data.statement,
                origin=services.edge.origin(request, f"device:{proof.jkt}"),
            ),
        )
        return shapes.DeviceBound(
            trader_id=bound.trader_id,
            device_id=bound.device_id,
            root_token_id=bound.root_token_id,
            device_token=bound.device_token,
            identity_jwk=bound.identity_jwk,
            identity_jkt=bound.identity_jkt,
            checkpoint_jkt=bound.checkpoint_jkt,
        )

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> shapes.Page:
        principal = await services.edge.token(
            request, TokenKind.DEVICE, TokenKind.SESSION, session_max_age=FRESH_SIGN_IN
        )
        async with services.db.session() as tx:
            found = await devices.list_all(tx, principal.trader)
        await services.edge.log(principal, Event.DEVICES_READ)
        return shapes.Page(
            items=[
                shapes.DeviceView(
                    device_id=device.device_id,
                    name=device.name,
                    jkt=jwk_thumbprint(device.key()),
                    bound_at=device.bound_at,
                )
                for device in found
            ]
        )


class SealingKeyController(Controller):
    path = "/v1/sealing-keys"
    tags = ("devices",)

    @post()
    async def open(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewSealingKey],
        services: NamedDependency[Services],
    ) -> shapes.SealingKeyView:
        """A one-time key in the HSM; its statement is by the identity key pinned at enrolment."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        key: wire.OpenedSealingKey = await services.ask_signer(
            request,
            wire.OpenSealingKey(
                trader_id=principal.trader,
                device_id=principal.token_id,
                purpose=data.purpose,
                origin=principal.origin,
            ),
        )
        return shapes.SealingKeyView(
            sealing_key_id=key.sealing_key_id,
            public_point=b64url(key.public_point),
            expires_at=key.expires_at,
            statement=key.statement,
        )


class FactorController(Controller):
    path = "/v1/factors"
    tags = ("factors",)

    @post("/totp")
    async def bind_totp(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewTotp],
        services: NamedDependency[Services],
    ) -> shapes.FactorView:
        """Bind the first authenticator app: sealed seed, the device's word, a confirming code."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        bound: wire.BoundFactor = await services.ask_signer(
            request,
            wire.BindFactor(
                trader_id=principal.trader,
                device_id=principal.token_id,
                statement=data.statement,
                envelope=envelope_of(data.envelope),
                code=data.code,
                origin=principal.origin,
            ),
        )
        return shapes.FactorView(factor_id=bound.factor_id)

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> shapes.Page:
        principal = await services.edge.token(
            request, TokenKind.DEVICE, TokenKind.SESSION, session_max_age=FRESH_SIGN_IN
        )
        async with services.db.session() as tx:
            found = await otp.list_all(tx, principal.trader)
        await services.edge.log(principal, Event.FACTORS_READ)
        return shapes.Page(
            items=[
                {
                    "factor_id": factor.factor_id,
                    "kind": "totp",
                    "label": factor.label,
                    "bound_at": factor.bound_at,
                }
                for factor in found
            ]
        )


def envelope_of(envelope: shapes.Envelope) -> wire.SealedEnvelope:
    return wire.SealedEnvelope(
        b64url_decode(envelope.ephemeral), b64url_decode(envelope.ciphertext)
    )


def push_target(push: shapes.Push | None) -> wire.PushTarget | None:
    if push is None:
        return None
    return wire.PushTarget(provider=push.provider, kind=push.kind, registration=push.registration)
