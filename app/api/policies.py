"""/v1/policies: what the trader's actions need, and what a change of that would mean."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody
from litestar.response import Response

from app.accesslog.models import Event
from app.api import shapes_policies as shapes
from app.api.edge import AnyRequest, Principal
from app.api.errors import PreconditionFailed
from app.api.services import Services
from app.approvals.simulating import replay
from app.core.token import TokenKind
from app.db.pool import Tx
from app.guardrails.amounts import parse_amount
from app.guardrails.rungs import Verb
from app.guardrails.strength import Strength
from app.policies import store
from app.policies.current import Current, current
from app.policies.loosening import loosened, strength_of
from app.policies.models import LOOSENING_WAITS, Amount, Facts, Need, Policy
from app.policies.presets import PRESETS
from app.policies.rules import needed, policy_of, read_policy, tidy
from app.tokens.errors import TokenRejected
from app.verbs.wire import SealChange, SealedChange

IfMatch = Annotated[str | None, HeaderParameter(name="if-match")]
_CHANGE = "policy.change"


class PolicyController(Controller):
    path = "/v1/policies"
    tags = ("policies",)

    @get()
    async def read(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> Response[shapes.PolicyView]:
        """The policy in force, what waits to follow it, the operator's floors and the presets."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await _read(tx, principal, services.clock.now())
            floors = await store.floors(tx)
        await services.edge.log(principal, Event.POLICY_READ)
        view = shapes.PolicyView(
            version=found.newest,
            policy=found.policy,
            preset=_preset(found.policy),
            since=None if found.row is None else found.row.effective_at,
            waiting=None
            if found.waiting is None
            else shapes.Waiting(
                version=found.waiting.version,
                policy=policy_of(found.waiting.policy),
                effective_at=found.waiting.effective_at,
            ),
            floors={action: strength.value for action, strength in floors.items()},
            presets=dict(PRESETS),
        )
        headers = {"ETag": _etag(found), "Cache-Control": "no-store"}
        return Response(view, headers=headers)

    @put()
    async def change(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.Signed],
        services: NamedDependency[Services],
        if_match: IfMatch = None,
    ) -> Response[shapes.PolicyChanged]:
        """Relay a device's signed policy. One that only tightens is in force at once; any other is
        answered 202 with the approval it takes, as strong as what it removes; it then waits a day.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        if if_match is not None:
            async with services.db.session() as tx:
                if if_match != _etag(await _read(tx, principal, services.clock.now())):
                    raise PreconditionFailed
        sealed = await _seal(services, request, principal, data)
        if sealed.state == "awaiting_approval":
            asked = shapes.PolicyChanged(
                state="awaiting_approval",
                version=sealed.version or 0,
                approval_id=sealed.subject_id,
            )
            return Response(asked, status_code=202)
        done = shapes.PolicyChanged(state="in_force", version=sealed.version or 0)
        return Response(done, status_code=200)

    @post("/cancel", status_code=200)
    async def cancel(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.Signed],
        services: NamedDependency[Services],
    ) -> shapes.PolicyChanged:
        """Take back what waits: any device of the trader, with its signature alone."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        sealed = await _seal(services, request, principal, data)
        return shapes.PolicyChanged(state="in_force", version=sealed.version or 0)

    @post("/simulate", status_code=200)
    async def simulate(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.Simulate],
        services: NamedDependency[Services],
    ) -> shapes.Simulated:
        """What a draft would change: of approvals decided and orders sent before, of one action,
        and what it takes to put it in force. Nothing is written but the log.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await _read(tx, principal, services.clock.now())
            draft = found.policy if data.policy is None else read_policy(data.policy)
            history = await replay(tx, draft, principal.trader, data.last)
            floors = await store.floors(tx)
        await services.edge.log(principal, Event.POLICY_READ, rule="simulate")
        changes = loosened(found.policy, draft)
        return shapes.Simulated(
            change="loosens" if changes else "tightens",
            loosens=changes,
            needs=_at_least(
                max(strength_of(changes), needed(found.policy, _CHANGE, Facts())),
                floors.get(_CHANGE),
            )
            if changes
            else None,
            waits_hours=int(LOOSENING_WAITS.total_seconds()) // 3600 if changes else 0,
            history=[
                shapes.ReplayedView(
                    subject_id=item.subject_id,
                    action=item.action_type,
                    at=item.at,
                    asked=item.asked,
                    would=None
                    if item.would is None
                    else _at_least(item.would, floors.get(item.action_type)),
                )
                for item in history
            ],
            answer=None if data.action is None else _answer(draft, data.action, floors),
        )


async def _read(tx: Tx, principal: Principal, now: datetime) -> Current:
    if principal.root_id is None:
        raise TokenRejected
    return current(await store.since(tx, principal.trader, principal.root_id, now), now)


async def _seal(
    services: Services, request: AnyRequest, principal: Principal, data: shapes.Signed
) -> SealedChange:
    sealed: SealedChange = await services.ask_signer(
        request,
        SealChange(trader_id=principal.trader, origin=principal.origin, statement=data.statement),
    )
    return sealed


def _etag(found: Current) -> str:
    return f'"policy-{found.newest}"'


def _preset(policy: Policy) -> str | None:
    """The preset whose needs and rules these are, whatever the time zone."""
    for name, preset in PRESETS.items():
        clean = tidy(preset)
        if (clean.base, clean.rules, name) == (policy.base, policy.rules, policy.preset):
            return name
    return None


def _answer(policy: Policy, what: shapes.WhatIf, floors: dict[str, Strength]) -> Need:
    amount = None
    if what.amount is not None:
        amount = Amount(amount=parse_amount(what.amount.amount), quote=what.amount.quote)
    facts = Facts(contexts=frozenset(what.when), amount=amount)
    return _at_least(needed(policy, what.action, facts), floors.get(what.action))


def _at_least(need: Need, floor: Strength | None) -> Need:
    """With the operator's floor under it; a denial stays one."""
    return need if floor is None else max(need, Need(floor.value))
