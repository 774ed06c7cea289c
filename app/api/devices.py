"""/v1/devices, /v1/sealing-keys, /v1/factors: what a phone is and proves with."""

from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accesslog.models import Event
from app.api import shapes, shapes_codes, shapes_tree
from app.api.edge import FRESH_SIGN_IN, AnyRequest
from app.api.errors import ProofRejected
from app.api.services import Services
from app.core import token
from app.core.canonical import sha256
from app.core.encoding import b64url, b64url_decode
from app.core.errors import Malformed
from app.core.jose import Jwk, jwk_thumbprint, public_jwk
from app.core.origin import Origin
from app.core.token import TokenKind
from app.devices import store as devices
from app.guardrails.rungs import Verb
from app.otp import store as otp
from app.otp.errors import FactorNotFound
from app.tokens.errors import TokenRejected
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
        """Enrol a phone: the trader's first by its enrolment code, a further one by the approval of
        its key (`POST /v1/devices/additions`). The proof and the statement are by its own key.
        """
        proof = await services.edge.proof_only(request)
        jwk = public_jwk(data.public_jwk, "ES256")
        if jwk_thumbprint(jwk) != proof.jkt:
            raise ProofRejected
        origin = services.edge.origin(request, f"device:{proof.jkt}")
        bound: wire.BoundDevice = await services.ask_signer(request, _bind_verb(data, jwk, origin))
        return shapes.DeviceBound(
            trader_id=bound.trader_id,
            device_id=bound.device_id,
            root_token_id=bound.root_token_id,
            device_token=bound.device_token,
            identity_jwk=bound.identity_jwk,
            identity_jkt=bound.identity_jkt,
            checkpoint_jkt=bound.checkpoint_jkt,
        )

    @post("/additions", status_code=202)
    async def ask_addition(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_codes.NewAddition],
        services: NamedDependency[Services],
    ) -> shapes_codes.AdditionAsked:
        """Ask for a further phone, whose key this one read off its screen. It binds itself once
        that is approved; until then it is nothing.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.ENROL)
        if principal.root_id is None:
            raise TokenRejected
        jwk = public_jwk(data.public_jwk, "ES256")
        approval = await services.device_requests.add(
            principal.trader, principal.root_id, jwk, name=data.name, origin=principal.origin
        )
        return shapes_codes.AdditionAsked(
            approval_id=approval.approval_id,
            trader_id=principal.trader,
            jkt=jwk_thumbprint(jwk),
            expires_at=approval.expires_at,
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
        """Bind an authenticator app: sealed seed, the device's word, a confirming code.

        The first one is bound at once. A further one takes an approval: the same request comes
        again with the approval's id, while the sealing key lives, and with a code of then.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE)
        bound: wire.BoundFactor = await services.ask_signer(
            request,
            wire.BindFactor(
                trader_id=principal.trader,
                device_id=principal.token_id,
                statement=data.statement,
                envelope=envelope_of(data.envelope),
                code=data.code,
                approval_id=data.approval_id,
                origin=principal.origin,
            ),
        )
        return shapes.FactorView(
            factor_id=bound.factor_id, state=bound.state, approval_id=bound.approval_id
        )

    @delete("/totp/{factor_id:uuid}", status_code=202)
    async def remove_totp(
        self,
        request: AnyRequest,
        factor_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> shapes_tree.ApprovalAsked:
        """Ask to take an authenticator away for good; it happens when that is approved."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.ENROL)
        if principal.root_id is None:
            raise FactorNotFound
        approval_id = await services.factor_requests.remove_totp(
            principal.trader, principal.root_id, factor_id, principal.origin
        )
        return shapes_tree.ApprovalAsked(approval_id=approval_id)

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
                if factor.removed_at is None
            ]
        )


def _bind_verb(data: shapes.NewDevice, jwk: Jwk, origin: Origin) -> wire.BindDevice:
    by_code, by_approval = data.enrolment_code is not None, data.approval_id is not None
    if by_code == by_approval or by_approval != (data.trader_id is not None):
        raise Malformed
    if data.enrolment_code is None:
        return wire.BindDevice(
            trader_id=data.trader_id or UUID(int=0),
            approval_id=data.approval_id,
            public_jwk=jwk,
            name=data.name,
            push=push_target(data.push),
            statement=data.statement,
            origin=origin,
        )
    code = token.parse(data.enrolment_code, TokenKind.ENROL)
    return wire.BindDevice(
        trader_id=code.trader_id,
        code_id=code.token_id,
        code_hash=code.secret_hash(),
        code_text_hash=sha256(data.enrolment_code.encode()),
        public_jwk=jwk,
        name=data.name,
        push=push_target(data.push),
        statement=data.statement,
        origin=origin,
    )


def envelope_of(envelope: shapes.Envelope) -> wire.SealedEnvelope:
    return wire.SealedEnvelope(
        b64url_decode(envelope.ephemeral), b64url_decode(envelope.ciphertext)
    )


def push_target(push: shapes.Push | None) -> wire.PushTarget | None:
    if push is None:
        return None
    return wire.PushTarget(provider=push.provider, kind=push.kind, registration=push.registration)
