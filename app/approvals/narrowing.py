"""What a device may take from one node: which fields, in which spelling, and only less. Pure.

The signer checks it before it seals; the edge checks the same to show what it would do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.approvals.actions import Amount
from app.approvals.limits import Limits, check_within
from app.core import networks
from app.core.errors import Malformed
from app.core.statements import NarrowLimits
from app.guardrails.amounts import parse_amount, plain
from app.guardrails.errors import WiderThanParent
from app.tokens.models import Node

MAY_NAME: dict[str, frozenset[str]] = {
    "grant": frozenset(NarrowLimits.__struct_fields__),
    "platform": frozenset({"expires_at", "scope", "ip_networks"}),
    "device": frozenset({"expires_at", "ip_networks"}),
    "session": frozenset({"expires_at", "ip_networks"}),
    # Their end is not in what the signer believes, so it cannot be brought nearer.
    "credential": frozenset({"ip_networks"}),
    "trader": frozenset({"ip_networks"}),
}
"""What can be narrowed on each kind of node."""


def changes_of(limits: NarrowLimits) -> dict[str, Any]:
    """The fields that are named, in their one spelling.

    Raises
    ------
    Malformed, AmountRefused
        None is named, or one is not plainly written.
    """
    named = {
        name: getattr(limits, name)
        for name in limits.__struct_fields__
        if getattr(limits, name) is not None
    }
    if not named:
        raise Malformed(rule="limits")
    for name in ("allocation", "max_order", "free_limit"):
        if name in named:
            text = named[name].amount
            zero = name == "free_limit" and text == "0"
            amount = "0" if zero else plain(parse_amount(text))
            named[name] = Amount(amount=amount, quote=named[name].quote)
    for name in ("markets", "scope"):
        if name in named:
            named[name] = sorted(set(named[name]))
    if "ip_networks" in named:
        named["ip_networks"] = networks.parse_networks(named["ip_networks"])
    return named


def check_changes(node: Node, changes: dict[str, Any], now: datetime) -> None:
    """Only what this kind of node has, and only less of it.

    Raises
    ------
    Malformed, WiderThanParent
        The rule names the field.
    """
    for field in sorted(changes):
        if field not in MAY_NAME[node.kind]:
            raise Malformed(rule=field)
    ends_at: datetime = changes.get("expires_at", node.expires_at)
    if ends_at > node.expires_at:
        raise WiderThanParent(rule="expires_at")
    if ends_at <= now:
        raise Malformed(rule="expires_at")  # that would be a revoke, and is one's own verb
    check_list(changes.get(networks.FIELD, node.networks), node.networks)
    if not set(changes.get("scope", node.scope)) <= set(node.scope):
        raise WiderThanParent(rule="scope")


def less_of(before: Limits, changes: dict[str, Any]) -> Limits:
    """A grant's limits with these changes, or WiderThanParent with the field that is not less."""
    after = msgspec.structs.replace(before, **changes)
    check_within(after, before)
    return after


def check_list(inner: Sequence[str], outer: Sequence[str]) -> None:
    """Raise WiderThanParent unless one address list lies in another."""
    if not networks.is_within(inner, outer):
        raise WiderThanParent(rule=networks.FIELD)


def check_reachable(
    node: Node, device_path: Sequence[UUID], texts: Sequence[str], address: str | None
) -> None:
    """Nobody shuts out the device in his hand: only an approval would open again, from there."""
    if node.token_id in device_path and not networks.allows([texts], address):
        raise Malformed(rule=networks.FIELD)
