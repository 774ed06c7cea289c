"""/v1/re-enrolments: the way back for who lost every device.

No token opens a re-enrolment, and no platform takes part in one: its callers prove a key, the new
device's or an old one's, whose token may be dead since break-glass.
"""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Response

from app.accesslog.models import Entry, Event
from app.api import shapes
from app.api import shapes_recovery as recovery_shapes
from app.api.cord import RECEIPT_HEADER
from app.api.devices import push_target
from app.api.dpop import Proof
from app.api.edge import AnyRequest
from app.api.errors import ProofRejected
from app.api.services import Services
from app.core.encoding import b64url
from app.core.errors import Malformed
from app.core.jose import jwk_thumbprint, public_jwk
from app.devices import store as devices
from app.recovery import store
from app.recovery.errors import ReEnrolmentNotFound
from app.recovery.models import ReEnrolment
from app.verbs import wire
from app.verbs.answers import BegunReEnrolment, OpenedCeremony

OfTrader = Annotated[UUID | None, QueryParameter(name="trader_id")]
"""Whose: the look-up needs it. Missing is malformed, which is judged after the proof."""


class ReEnrolmentController(Controller):
    path = "/v1/re-enrolments"
    tags = ("re-enrolment",)

    @post()
    async def begin(
        self,
        request: AnyRequest,
        data: JSONBody[recovery_shapes.NewReEnrolment],
        services: NamedDependency[Services],
    ) -> recovery_shapes.ReEnrolmentBegun:
        """Begin the waiting time with a recovery code or a passkey; every old device is rung."""
        proof = await services.edge.proof_only(request)
        jwk = public_jwk(data.public_jwk, "ES256")
        if jwk_thumbprint(jwk) != proof.jkt:
            raise ProofRejected
        begun: BegunReEnrolment = await services.ask_signer(
            request,
            wire.BeginReEnrolment(
                trader_id=data.trader_id,
                code_id=data.code_id,
                public_jwk=jwk,
                name=data.name,
                push=push_target(data.push),
                statement=data.statement,
                code_statement=data.code_statement,
                challenge_id=data.challenge_id,
                assertion=None if data.assertion is None else msgspec.json.encode(data.assertion),
                origin=services.edge.origin(request, f"device:{proof.jkt}"),
            ),
        )
        return recovery_shapes.ReEnrolmentBegun(
            re_enrolment_id=begun.re_enrolment_id,
            state="waiting",
            not_before=begun.not_before,
            expires_at=begun.expires_at,
        )

    @post("/challenges")
    async def challenge(
        self,
        request: AnyRequest,
        data: JSONBody[recovery_shapes.NewReturn],
        services: NamedDependency[Services],
    ) -> recovery_shapes.ReturnChallenge:
        """A challenge for a passkey to come back with; only the key that asks can use it."""
        proof = await services.edge.proof_only(request)
        if jwk_thumbprint(public_jwk(data.public_jwk, "ES256")) != proof.jkt:
            raise ProofRejected
        opened: OpenedCeremony = await services.ask_signer(
            request,
            wire.OpenCeremony(
                trader_id=data.trader_id,
                purpose="re_enrol",
                device_id=None,
                jkt=proof.jkt,
                label=None,
                origin=services.edge.origin(request, f"device:{proof.jkt}"),
            ),
        )
        return recovery_shapes.ReturnChallenge(
            challenge_id=opened.challenge_id,
            challenge=b64url(opened.challenge),
            rp_id=opened.rp_id,
            expires_at=opened.expires_at,
        )

    @get()
    async def list_open(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        trader_id: OfTrader = None,
    ) -> shapes.Page:
        """What waits, for the new key and for every old device's: poll it when a doorbell rang."""
        proof = await services.edge.proof_only(request)
        if trader_id is None:
            raise Malformed(rule="trader_id")
        async with services.db.session() as tx:
            found = await store.get_open(tx, trader_id)
        try:
            seen = await _shown_to(services, request, proof, trader_id, found)
        except ReEnrolmentNotFound:
            return shapes.Page(items=[])
        return shapes.Page(items=[_view(seen, services)])

    @get("/{re_enrolment_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        re_enrolment_id: FromPath[UUID],
        services: NamedDependency[Services],
        trader_id: OfTrader = None,
    ) -> recovery_shapes.ReEnrolmentView:
        """How far it is, for the new key and for every old device's."""
        proof = await services.edge.proof_only(request)
        if trader_id is None:
            raise Malformed(rule="trader_id")
        async with services.db.session() as tx:
            found = await store.get(tx, trader_id, re_enrolment_id)
        return _view(await _shown_to(services, request, proof, trader_id, found), services)

    @post("/{re_enrolment_id:uuid}/veto", status_code=200)
    async def veto(
        self,
        request: AnyRequest,
        re_enrolment_id: FromPath[UUID],
        data: JSONBody[recovery_shapes.Veto],
        services: NamedDependency[Services],
    ) -> recovery_shapes.ReEnrolmentEnded:
        """Say no with an old device's key. Final; a device reported lost may not."""
        ended, _ = await _end(services, request, re_enrolment_id, data, "veto", data.device_id)
        return ended

    @post("/{re_enrolment_id:uuid}/cancel", status_code=200)
    async def cancel(
        self,
        request: AnyRequest,
        re_enrolment_id: FromPath[UUID],
        data: JSONBody[recovery_shapes.EndReEnrolment],
        services: NamedDependency[Services],
    ) -> recovery_shapes.ReEnrolmentEnded:
        """Withdraw with the new device's key. The code is spent all the same."""
        ended, _ = await _end(services, request, re_enrolment_id, data, "cancel", None)
        return ended

    @post("/{re_enrolment_id:uuid}/complete")
    async def complete(
        self,
        request: AnyRequest,
        re_enrolment_id: FromPath[UUID],
        data: JSONBody[recovery_shapes.EndReEnrolment],
        services: NamedDependency[Services],
    ) -> Response[shapes.DeviceBound]:
        """After the waiting time: a new root with this device; what was under the old one ends.

        Where this revoked the old root, its receipt's capability is in the header, once.
        """
        _, answer = await _end(services, request, re_enrolment_id, data, "complete", None)
        bound = answer.device
        if bound is None:
            raise ReEnrolmentNotFound
        return Response(
            shapes.DeviceBound(
                trader_id=bound.trader_id,
                device_id=bound.device_id,
                root_token_id=bound.root_token_id,
                device_token=bound.device_token,
                identity_jwk=bound.identity_jwk,
                identity_jkt=bound.identity_jkt,
                checkpoint_jkt=bound.checkpoint_jkt,
            ),
            headers={} if answer.receipt is None else {RECEIPT_HEADER: answer.receipt},
        )


async def _end(
    services: Services,
    request: AnyRequest,
    re_enrolment_id: UUID,
    data: recovery_shapes.Veto | recovery_shapes.EndReEnrolment,
    act: Literal["veto", "cancel", "complete"],
    device_id: UUID | None,
) -> tuple[recovery_shapes.ReEnrolmentEnded, wire.EndedReEnrolment]:
    proof = await services.edge.proof_only(request)
    ended: wire.EndedReEnrolment = await services.ask_signer(
        request,
        wire.EndReEnrolment(
            trader_id=data.trader_id,
            re_enrolment_id=re_enrolment_id,
            act=act,
            device_id=device_id,
            statement=data.statement,
            origin=services.edge.origin(request, f"device:{proof.jkt}"),
        ),
    )
    view = recovery_shapes.ReEnrolmentEnded(re_enrolment_id=re_enrolment_id, state=ended.state)
    return view, ended


async def _shown_to(
    services: Services,
    request: AnyRequest,
    proof: Proof,
    trader_id: UUID,
    found: ReEnrolment | None,
) -> ReEnrolment:
    """The re-enrolment, if the proven key is its own or an old device's; and log who saw it."""
    if found is None or not await _concerns(services, found, proof.jkt):
        await services.edge.log_miss(request, None, rule="re_enrolment_not_found")
        raise ReEnrolmentNotFound
    await services.read_log.append(
        Entry(
            trader_id=trader_id,
            event=Event.RE_ENROLMENT_READ,
            origin=services.edge.origin(request, f"device:{proof.jkt}"),
            token_id=found.root_id,
            path=[found.root_id],
            subject_id=found.re_enrolment_id,
        )
    )
    return found


async def _concerns(services: Services, found: ReEnrolment, jkt: str) -> bool:
    if jwk_thumbprint(found.key()) == jkt:
        return True
    async with services.db.session() as tx:
        for device in await devices.list_all(tx, found.trader_id):
            if jwk_thumbprint(device.key()) == jkt:
                return not await store.is_lost(tx, found.trader_id, device.device_id)
    return False


def _view(found: ReEnrolment, services: Services) -> recovery_shapes.ReEnrolmentView:
    return recovery_shapes.ReEnrolmentView(
        re_enrolment_id=found.re_enrolment_id,
        state=found.state_at(services.clock.now()),
        name=found.name,
        jkt=jwk_thumbprint(found.key()),
        authenticator_lost=found.authenticator_lost,
        begun_at=found.begun_at,
        not_before=found.not_before,
        expires_at=found.expires_at,
        ended_at=found.ended_at,
    )
