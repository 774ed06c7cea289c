"""`seal_change` by a device's statement: less for one node. One factor is enough (P7)."""

from typing import Any

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.narrowing import (
    changes_of,
    check_changes,
    check_list,
    check_reachable,
    less_of,
)
from app.core.canonical import sha256
from app.core.clock import Clock
from app.db.pool import Database, Tx
from app.deciding.errors import DeviceRejected
from app.deciding.witness import Witness, narrow_statement
from app.devices.models import Device
from app.granting.errors import GrantRefused
from app.granting.seals import Seals, grant_limits
from app.guardrails.errors import WiderThanParent
from app.guardrails.rungs import Verb
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.errors import TokenNotFound, VersionStale
from app.tokens.models import Node
from app.verbs.wire import SealChange, SealedChange


class Narrowing:
    def __init__(self, db: Database, witness: Witness, seals: Seals, clock: Clock) -> None:
        self._db = db
        self._witness = witness
        self._seals = seals
        self._clock = clock

    async def narrow(self, request: SealChange) -> SealedChange:
        """Make the limits that a device signed for, if each is within what is there.

        Raises
        ------
        DeviceRejected, StatementRejected, SignatureRejected
            Not a device of this trader's, or not its word.
        TokenNotFound
            No such node under this device's root.
        VersionStale
            The statement is about another version: it was used, or something changed.
        WiderThanParent, Malformed, AmountRefused
            The rule names the field that would be wider, or that this node does not have.
        """
        if request.origin.device_id is None or request.statement is None:
            raise DeviceRejected
        # (1) A device the HSM vouches for said so, just now.
        async with self._db.session() as tx:
            device = await self._witness.device(tx, request.trader_id, request.origin.device_id)
        said = narrow_statement(request.statement, device, self._clock.now())
        changes = changes_of(said.limits)
        async with self._db.locked(request.trader_id) as tx:
            # (2) It may, now, and the node is beneath the same root.
            await self._witness.check_may(tx, device, Verb.TIGHTEN)
            node = await tokens.get(tx, request.trader_id, said.token_id)
            if node is None or node.path[0] != device.root_id:
                raise TokenNotFound
            if node.version != said.version:
                raise VersionStale
            # (3) Only what this kind of node has, and only less of it.
            self._check(node, device, changes, request)
            version = await self._apply(tx, node, changes)
            # (4) One entry, in the same commit.
            await append_locked(
                tx,
                Entry(
                    trader_id=node.trader_id,
                    event=Event.CHANGE_SEALED,
                    origin=request.origin,
                    token_id=node.token_id,
                    path=node.path,
                    subject_id=node.token_id,
                    rule="narrow:" + ",".join(sorted(changes)),
                    request_digest=sha256(request.statement.encode()),
                ),
            )
        return SealedChange(subject_id=node.token_id, state="narrowed", version=version)

    def _check(
        self, node: Node, device: Device, changes: dict[str, Any], request: SealChange
    ) -> None:
        check_changes(node, changes, self._clock.now())
        texts: list[str] = changes.get("ip_networks", node.networks)
        path = [device.root_id, device.device_id]
        check_reachable(node, path, texts, request.origin.address)

    async def _apply(self, tx: Tx, node: Node, changes: dict[str, Any]) -> int:
        """Seal what is sealed, then write the same to the node's row."""
        scope: list[str] = changes.get("scope", node.scope)
        match node.kind:
            case "grant":
                grant = (await self._seals.grants_on(tx, node.trader_id, node.path))[-1]
                if grant.version != node.version:
                    raise VersionStale
                await self._seals.next_grant(tx, grant, less_of(grant_limits(grant), changes))
            case "platform":
                row, seal = await self._seals.platform(tx, node)
                if seal.version != node.version or not set(scope) <= set(seal.scope):
                    raise GrantRefused
                changed = msgspec.structs.replace(seal, **changes)
                check_list(changed.ip_networks, seal.ip_networks)
                if changed.expires_at > seal.expires_at:
                    raise WiderThanParent(rule="expires_at")
                await self._seals.next_platform(tx, row, changed)
            case "trader" | "device" | "session" | "credential":
                pass  # their lists are in no evidence; the row is all there is
        return await nodes.narrow(
            tx,
            node,
            scope=scope,
            networks=changes.get("ip_networks", node.networks),
            expires_at=changes.get("expires_at", node.expires_at),
        )
