"""`seal_change` for `token.child`: what a platform may do for one trader."""

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import TokenChild
from app.approvals.narrowing import check_list
from app.core.clock import Clock
from app.core.statements import TokenSeal
from app.db.pool import Database
from app.deciding.execution import Executions
from app.deciding.witness import rung_of
from app.granting.errors import GrantRefused
from app.granting.seals import Seals
from app.guardrails.errors import WiderThanParent
from app.guardrails.rungs import Verb, check_rung
from app.platforms import store as platforms
from app.platforms import tokens as platform_tokens
from app.platforms.tokens import SCOPES, PlatformToken
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.models import Node
from app.traders import store as traders
from app.traders.models import Trader
from app.verbs.wire import SealChange, SealedChange


class PlatformTokens:
    def __init__(self, db: Database, executions: Executions, seals: Seals, clock: Clock) -> None:
        self._db = db
        self._executions = executions
        self._seals = seals
        self._clock = clock

    async def seal(self, request: SealChange) -> SealedChange:
        """Make the platform token a person approved.

        Raises
        ------
        GrantRefused, WiderThanParent
            What is stored is not what was shown, or more than there is.
        RungForbids
            The root is contained.
        ApprovalNotApproved, ActionMismatch, EvidenceForged, …
            As `Executions.use`.
        """
        async with self._db.locked(request.trader_id) as tx:
            now = self._clock.now()
            approval = await approvals.get(tx, request.trader_id, request.approval_id)
            trader = await traders.get(tx, request.trader_id)
            if approval is None or trader is None or trader.root_id is None:
                raise GrantRefused
            node = await tokens.get(tx, request.trader_id, approval.subject_id)
            platform = await platforms.get(tx, trader.platform_id)
            if node is None or platform is None or platform.disabled_at is not None:
                raise GrantRefused
            action, approval = await self._executions.use(
                tx,
                trader_id=request.trader_id,
                approval_id=request.approval_id,
                expected_root_id=trader.root_id,
                shape=TokenChild,
                action_type="token.child",
                now=now,
            )
            _check_shown(action, node, trader, platform.name)
            for outer in await nodes.lists_on(tx, request.trader_id, [trader.root_id]):
                check_list(action.ip_networks, outer)
            level = await tokens.effective_level(tx, request.trader_id, node.path)
            check_rung(rung_of(level), Verb.MINT, node_id=node.token_id)
            seal = TokenSeal(
                domain="tripcord/token-seal/v1",
                trader_id=node.trader_id,
                token_id=node.token_id,
                root_id=trader.root_id,
                platform_id=action.platform_id,
                approval_id=approval.approval_id,
                jkt=action.jkt,
                scope=action.scope,
                ip_networks=action.ip_networks,
                expires_at=min(action.expires_at, node.expires_at),
                version=1,
            )
            row = PlatformToken(
                trader_id=node.trader_id,
                token_id=node.token_id,
                approval_id=approval.approval_id,
                statement=await self._seals.sign(seal),
                version=1,
                sealed_at=now,
            )
            await platform_tokens.insert(tx, row)
            await append_locked(
                tx,
                Entry(
                    trader_id=node.trader_id,
                    event=Event.CHANGE_SEALED,
                    origin=request.origin,
                    token_id=node.token_id,
                    path=node.path,
                    subject_id=approval.approval_id,
                    rule="token.child",
                    request_digest=approval.digest,
                ),
            )
        return SealedChange(subject_id=node.token_id, state="active", version=1)


def _check_shown(action: TokenChild, node: Node, trader: Trader, platform_name: str) -> None:
    shown = (action.token_id, action.parent_id, action.kind, action.jkt, action.platform_id)
    stored = (node.token_id, trader.root_id, node.kind, node.jkt, trader.platform_id)
    if shown != stored or node.path != [trader.root_id, node.token_id]:
        raise GrantRefused
    if (node.scope, node.networks) != (action.scope, action.ip_networks):
        raise GrantRefused
    if action.platform_name != platform_name:
        raise GrantRefused
    if not action.scope or not set(action.scope) <= SCOPES:
        raise WiderThanParent(rule="scope")
