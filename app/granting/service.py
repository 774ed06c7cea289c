"""`seal_change` for `bot.grant`."""

from collections.abc import Sequence

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import BotGrant, read_action
from app.approvals.limits import check_within, limits_of
from app.approvals.narrowing import check_list
from app.core.canonical import canonical_json
from app.core.clock import Clock
from app.core.jose import jwk_thumbprint, public_jwk
from app.credentials import store as credentials
from app.credentials.models import Credential, LinkState
from app.db.pool import Database, Tx
from app.deciding.execution import Executions
from app.deciding.witness import rung_of
from app.granting.errors import GrantRefused
from app.granting.seals import Seals, grant_limits
from app.grants import store
from app.grants.models import Grant
from app.guardrails.rungs import Verb, check_rung
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.models import Node
from app.vault.evidence import Evidence
from app.verbs.wire import SealChange, SealedChange


class Granting:
    def __init__(
        self,
        db: Database,
        evidence: Evidence,
        executions: Executions,
        seals: Seals,
        clock: Clock,
    ) -> None:
        self._db = db
        self._evidence = evidence
        self._executions = executions
        self._seals = seals
        self._clock = clock

    async def seal(self, request: SealChange) -> SealedChange:
        """Make the grant a person approved.

        Raises
        ------
        GrantRefused
            What is stored is not what was shown.
        WiderThanParent
            A grant above has less, by now perhaps; the rule names the field.
        RungForbids
            Something on the path is contained.
        ApprovalNotApproved, ActionMismatch, EvidenceForged, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            # (1) The credential it hangs on, believed and active, and every grant in between.
            credential, node = await self._targets(tx, request)
            above = await self._seals.grants_on(tx, request.trader_id, node.path[:-1])
            # (2) The approval, verified again and used up.
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=credential.root_id,
                shape=BotGrant,
                action_type="bot.grant",
                now=now,
            )
            # (3) What was shown is what is stored.
            self._check_shown(action, credential, node, above)
            for outer in await nodes.lists_on(tx, request.trader_id, node.path[:-1]):
                check_list(action.ip_networks, outer)
            level = await tokens.effective_level(tx, request.trader_id, node.path)
            check_rung(rung_of(level), Verb.MINT, node_id=node.token_id)
            # (4) Seal it.
            grant = Grant(
                trader_id=request.trader_id,
                grant_id=action.grant_id,
                root_id=credential.root_id,
                path=node.path,
                credential_id=credential.credential_id,
                approval_id=approval.approval_id,
                model_jwk=canonical_json(public_jwk(action.model_jwk, "EdDSA")),
                limits=approval.action,
                expires_at=min(
                    action.expires_at, node.expires_at, *(grant.expires_at for grant in above)
                ),
                granted_at=now,
                version=1,
                mac=b"",
            )
            (mac,) = await self._evidence.seal([grant.evidence()])
            await store.insert(tx, msgspec.structs.replace(grant, mac=mac))
            await append_locked(
                tx,
                Entry(
                    trader_id=grant.trader_id,
                    event=Event.GRANT_SEALED,
                    origin=request.origin,
                    token_id=grant.grant_id,
                    path=grant.path,
                    subject_id=approval.approval_id,
                    request_digest=approval.digest,
                ),
            )
        return SealedChange(subject_id=grant.grant_id, state="active")

    async def _targets(self, tx: Tx, request: SealChange) -> tuple[Credential, Node]:
        approval = await approvals.get(tx, request.trader_id, request.approval_id)
        if approval is None:
            raise GrantRefused
        node = await tokens.get(tx, request.trader_id, approval.subject_id)
        if node is None or node.kind != "grant" or node.parent_id is None:
            raise GrantRefused
        # Its own path is checked against the believed ones, in `_check_shown`.
        if len(node.path) <= len(("root", "credential")):
            raise GrantRefused
        credential = await credentials.get(tx, request.trader_id, node.path[1])
        if credential is None or credential.state is not LinkState.ACTIVE:
            raise GrantRefused
        await self._evidence.verify([(credential.evidence(), credential.mac)])
        return credential, node

    def _check_shown(
        self, action: BotGrant, credential: Credential, node: Node, above: Sequence[Grant]
    ) -> None:
        jkt = jwk_thumbprint(public_jwk(action.model_jwk, "EdDSA"))
        shown = (action.grant_id, action.credential_id, action.venue, action.model.jkt)
        stored = (node.token_id, credential.credential_id, credential.venue_id, node.jkt)
        if shown != stored or action.model.jkt != jkt:
            raise GrantRefused
        if (action.scope, action.ip_networks) != (node.scope, node.networks):
            raise GrantRefused
        parent = above[-1] if above else None
        path = credential.path if parent is None else parent.path
        name = None if parent is None else read_action(parent.limits, BotGrant).model.name
        parent_id = None if parent is None else parent.grant_id
        if node.path != [*path, node.token_id]:
            raise GrantRefused
        if (action.parent_grant_id, action.parent_name) != (parent_id, name):
            raise GrantRefused
        for grant in above:
            check_within(limits_of(action), grant_limits(grant))
