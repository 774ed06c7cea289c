"""`seal_change` for `net.ip_change`: another address list for one node, wider perhaps."""

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import IpChange
from app.approvals.narrowing import check_list
from app.core.clock import Clock
from app.core.networks import parse_networks
from app.db.pool import Database, Tx
from app.deciding.execution import Executions
from app.deciding.witness import rung_of
from app.granting.errors import GrantRefused
from app.granting.seals import Seals, grant_limits
from app.guardrails.rungs import Verb, check_rung
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.errors import VersionStale
from app.tokens.models import Node
from app.traders import store as traders
from app.verbs.wire import SealChange, SealedChange


class AddressChanges:
    def __init__(self, db: Database, executions: Executions, seals: Seals, clock: Clock) -> None:
        self._db = db
        self._executions = executions
        self._seals = seals
        self._clock = clock

    async def seal(self, request: SealChange) -> SealedChange:
        """Give a node the address list a person approved, within those above it.

        Raises
        ------
        GrantRefused, VersionStale, WiderThanParent
            What is stored is not what was shown, was changed since, or a list above is narrower.
        RungForbids
            Something on the path is contained.
        ApprovalNotApproved, ActionMismatch, EvidenceForged, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            approval = await approvals.get(tx, request.trader_id, request.approval_id)
            trader = await traders.get(tx, request.trader_id)
            if approval is None or trader is None or trader.root_id is None:
                raise GrantRefused
            node = await tokens.get(tx, request.trader_id, approval.subject_id)
            if node is None or node.path[0] != trader.root_id:
                raise GrantRefused
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=trader.root_id,
                shape=IpChange,
                action_type="net.ip_change",
                now=self._clock.now(),
            )
            shown = (action.token_id, action.kind, action.from_networks)
            if shown != (node.token_id, node.kind, node.networks):
                raise GrantRefused
            if action.version != node.version:
                raise VersionStale
            level = await tokens.effective_level(tx, request.trader_id, node.path)
            check_rung(rung_of(level), Verb.WIDEN, node_id=node.token_id)
            version = await self._apply(tx, node, parse_networks(action.to_networks))
            await append_locked(
                tx,
                Entry(
                    trader_id=node.trader_id,
                    event=Event.CHANGE_SEALED,
                    origin=request.origin,
                    token_id=node.token_id,
                    path=node.path,
                    subject_id=approval.approval_id,
                    rule="net.ip_change",
                    request_digest=approval.digest,
                ),
            )
        return SealedChange(subject_id=node.token_id, state="active", version=version)

    async def _apply(self, tx: Tx, node: Node, texts: list[str]) -> int:
        for outer in await nodes.lists_on(tx, node.trader_id, node.path[:-1]):
            check_list(texts, outer)
        match node.kind:
            case "grant":
                *above, grant = await self._seals.grants_on(tx, node.trader_id, node.path)
                if grant.version != node.version:
                    raise VersionStale
                for parent in above:
                    check_list(texts, grant_limits(parent).ip_networks)
                after = msgspec.structs.replace(grant_limits(grant), ip_networks=texts)
                await self._seals.next_grant(tx, grant, after)
            case "platform":
                row, seal = await self._seals.platform(tx, node)
                if seal.version != node.version:
                    raise VersionStale
                changed = msgspec.structs.replace(seal, ip_networks=texts)
                await self._seals.next_platform(tx, row, changed)
            case "trader" | "device" | "session" | "credential":
                pass  # their lists are in no evidence; the row is all there is
        return await nodes.change_networks(tx, node, texts)
