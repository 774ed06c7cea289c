"""What a new grant hangs on, and what it may have at most. The signer checks it all again."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from app.approvals.actions import Amount, BotGrant, read_action
from app.approvals.limits import Limits, check_within, in_force, limits_of
from app.core import networks
from app.core.errors import Malformed
from app.credentials import store as credentials
from app.credentials.errors import CredentialNotActive, CredentialNotFound
from app.credentials.models import Credential, LinkState
from app.db.pool import Tx
from app.grants import store as grants
from app.guardrails.amounts import parse_amount, plain
from app.guardrails.errors import AmountRefused, WiderThanParent
from app.guardrails.leases import inherited_lease
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.errors import ParentNotActive
from app.tokens.models import Node

if TYPE_CHECKING:
    from app.requesting.grants import GrantRequest

GRANT_SCOPE = ["order", "read"]
_DEPTH_OF_CREDENTIAL = 2


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The node to hang a grant on. `limits` are None on a credential, which has none itself."""

    node: Node
    credential: Credential
    limits: Limits | None
    name: str | None
    ip_networks: list[str]
    """What every list above leaves; empty is anywhere."""

    @property
    def grant_id(self) -> UUID | None:
        return None if self.limits is None else self.node.token_id


async def find_parent(
    tx: Tx, trader_id: UUID, parent_id: UUID, under_grant_id: UUID | None
) -> Parent:
    """A credential or a sealed grant of this trader's.

    Raises
    ------
    CredentialNotFound
        No such node, one that bears no grants, or not beneath the requester's own.
    CredentialNotActive, ParentNotActive
        The key is not linked; the grant was not approved.
    """
    node = await tokens.get(tx, trader_id, parent_id)
    if node is None or node.kind not in {"credential", "grant"}:
        raise CredentialNotFound
    if under_grant_id is not None and under_grant_id not in node.path:
        raise CredentialNotFound
    credential = await credentials.get(tx, trader_id, node.path[_DEPTH_OF_CREDENTIAL - 1])
    if credential is None:
        raise CredentialNotFound
    if credential.state is not LinkState.ACTIVE:
        raise CredentialNotActive
    lists = networks.in_force(await nodes.lists_on(tx, trader_id, node.path))
    if lists == []:
        raise WiderThanParent(rule=networks.FIELD)
    limits, name = None, None
    if node.kind == "grant":
        above = await grants.on_path(tx, trader_id, node.path)
        if [grant.grant_id for grant in above] != node.path[_DEPTH_OF_CREDENTIAL:]:
            raise ParentNotActive
        actions = [read_action(grant.limits, BotGrant) for grant in above]
        limits, name = in_force([limits_of(action) for action in actions]), actions[-1].model.name
        ends_at = await nodes.earliest_end(tx, trader_id, node.path) or limits.expires_at
        limits = msgspec.structs.replace(
            limits, expires_at=min(limits.expires_at, ends_at), ip_networks=lists or []
        )
    return Parent(
        node=node, credential=credential, limits=limits, name=name, ip_networks=lists or []
    )


def asked_limits(asked: "GrantRequest", parent: Parent, *, latest: datetime) -> Limits:
    """What is asked for, in its one spelling; what was left out is the parent's.

    Raises
    ------
    AmountRefused, Malformed
        A field that nothing fills, or that is no amount or network; the rule names it.
    WiderThanParent
        More than the parent has, or than the field beside it; the rule names the field.
    """
    above = parent.limits
    allocation = _amount(asked.allocation, above, "allocation")
    quote = allocation.quote
    limits = Limits(
        markets=_markets(asked.markets, above),
        allocation=allocation,
        max_order=_amount(asked.max_order, above, "max_order", quote),
        free_limit=_amount(asked.free_limit, above, "free_limit", quote),
        expires_at=_expiry(asked.expires_at, above, latest),
        scope=_scope(asked.scope, above),
        ip_networks=(
            parent.ip_networks
            if asked.ip_networks is None
            else networks.parse_networks(asked.ip_networks)
        ),
        lease_hours=inherited_lease(
            asked.lease_hours, None if above is None else above.lease_hours
        ),
    )
    if not networks.is_within(limits.ip_networks, parent.ip_networks):
        raise WiderThanParent(rule=networks.FIELD)
    if above is not None:
        check_within(limits, above)
    return _ordered(limits, asked)


def _ordered(limits: Limits, asked: "GrantRequest") -> Limits:
    """Each size within the next. What was not named gives way to what was."""
    free, most, whole = (
        _number(limits.free_limit), _number(limits.max_order), _number(limits.allocation)
    )  # fmt: skip
    if most > whole:
        if asked.max_order is not None:
            raise WiderThanParent(rule="max_order")
        limits, most = msgspec.structs.replace(limits, max_order=limits.allocation), whole
    if free > most:
        if asked.free_limit is not None:
            raise WiderThanParent(rule="free_limit")
        limits = msgspec.structs.replace(limits, free_limit=limits.max_order)
    return limits


def _markets(asked: list[str] | None, above: Limits | None) -> list[str]:
    markets = asked if asked is not None or above is None else above.markets
    if not markets:
        raise AmountRefused(rule="markets")
    return sorted(set(markets))


def _scope(asked: list[str] | None, above: Limits | None) -> list[str]:
    most = GRANT_SCOPE if above is None else above.scope
    scope = most if asked is None else sorted(set(asked))
    if not scope:
        raise Malformed(rule="scope")
    if not set(scope) <= set(most):
        raise WiderThanParent(rule="scope")
    return scope


def _expiry(asked: datetime | None, above: Limits | None, latest: datetime) -> datetime:
    if above is None:
        return min(asked or latest, latest)
    return min(above.expires_at, latest) if asked is None else asked


def _amount(
    asked: Amount | None, above: Limits | None, field: str, quote: str | None = None
) -> Amount:
    amount: Amount | None = asked
    if amount is None and above is not None:
        amount = getattr(above, field)
    if amount is None:
        raise Malformed(rule=field)
    if quote is not None and amount.quote != quote:
        raise AmountRefused(rule=f"{field}.quote")
    zero = field == "free_limit" and amount.amount == "0"
    text = "0" if zero else plain(parse_amount(amount.amount))
    return Amount(amount=text, quote=amount.quote)


def _number(amount: Amount) -> Decimal:
    return Decimal(0) if amount.amount == "0" else parse_amount(amount.amount)
