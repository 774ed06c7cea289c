"""Any sequence of mints, fences, lifts, requests, decisions, uses and clock steps, beside a model.

The machine drives the real stores, each over its own role's login; the model is a few dictionaries.
Hypothesis draws the sequences and shortens the one that fails.
"""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from app.approvals import store as approvals
from app.approvals.models import Approval, ApprovalState
from app.core.ids import new_id
from app.core.origin import Origin
from app.tokens import fences
from app.tokens import nodes as tree_nodes
from app.tokens import store as tokens
from app.tokens.models import Level, NewNode
from tests.db.machine import IMPOSERS, Secrets, Stores
from tests.db.rows import FAR, add_tree, now
from tests.support.postgres import FreshDatabase

_EXAMPLES, _STEPS = 50, 30
_DEEPEST = 10
_LIVES = (timedelta(seconds=-5), timedelta(hours=1), timedelta(days=1), timedelta(days=40_000))
_SCOPE, _JKT = ("order", "read"), "key"
_ENDS = (ApprovalState.APPROVED, ApprovalState.DENIED, ApprovalState.FRAUD)
_ORIGIN = Origin(actor="device:x")


class Machine(RuleBasedStateMachine):
    """`nodes`: id to (parent, its own expiry). `fences`: (node, imposer) to level."""

    stores: Stores
    nodes_made, approvals_made = Bundle("nodes"), Bundle("approvals")

    @initialize(target=nodes_made)
    def plant(self) -> Any:
        async def make() -> Any:
            async with self.stores.db["postgres"].transaction() as tx:
                return await add_tree(tx)

        tree = self.stores.run(make())
        self.device = tree.device
        self.trader_id, self.now = tree.trader_id, now()
        self.nodes: dict[UUID, tuple[UUID | None, datetime]] = {
            tree.root: (None, FAR),
            tree.device: (tree.root, FAR),
            tree.credential: (tree.root, FAR),
            tree.grant: (tree.credential, FAR),
        }
        self.scopes: dict[UUID, list[str]] = {node: [] for node in self.nodes}
        self.versions = dict.fromkeys(self.nodes, 1)
        self.grants = {tree.grant}
        self.secrets: dict[UUID, Secrets] = {}
        self.fences: dict[tuple[UUID, str], int] = {}
        self.asked: dict[UUID, Approval] = {}
        self.executions: dict[UUID, int] = {}
        return multiple(*self.nodes)

    # the model

    def path(self, node: UUID) -> list[UUID]:
        parent = self.nodes[node][0]
        return [*([] if parent is None else self.path(parent)), node]

    def level(self, node: UUID) -> int:
        """The worst fence on the path."""
        path = self.path(node)
        return max((level for (at, _), level in self.fences.items() if at in path), default=0)

    def end(self, node: UUID) -> datetime:
        """The earliest end on the path: a parent may have been narrowed since."""
        return min(self.nodes[at][1] for at in self.path(node))

    # the tree

    @rule(
        target=nodes_made,
        parent=nodes_made,
        life=st.sampled_from(_LIVES),
        scope=st.lists(st.sampled_from(_SCOPE), unique=True),
    )
    def mint(self, parent: UUID, life: timedelta, scope: list[str]) -> Any:
        wanted, held = now() + life, Secrets()
        new = NewNode(
            trader_id=self.trader_id, token_id=new_id(), kind="grant", parent_id=parent,
            label="child", expires_at=wanted, scope=scope, secret_hash=held.current, jkt=_JKT,
        )  # fmt: skip

        async def attempt() -> Any:
            async with self.stores.db["tripcord_signer"].locked(self.trader_id) as tx:
                return await tokens.mint(tx, new)

        may = self.level(parent) == 0 and self.end(parent) > now()
        is_wider = parent in self.grants and not set(scope) <= set(self.scopes[parent])
        too_deep = len(self.path(parent)) >= _DEEPEST
        born, refusal = self.stores.attempt(attempt())
        if not may or is_wider or too_deep:
            depth = "TC005" if is_wider else "ParentNotActive"  # the store's word for both
            assert refusal == (depth if may else "ParentNotActive")
            return multiple()
        assert refusal is None
        self.nodes[new.token_id] = (parent, min(wanted, self.end(parent)))
        self.scopes[new.token_id], self.versions[new.token_id] = scope, 1
        self.grants.add(new.token_id)
        self.secrets[new.token_id] = held
        assert born.expires_at == self.nodes[new.token_id][1]
        return new.token_id

    @rule(
        node=nodes_made,
        scope=st.lists(st.sampled_from(_SCOPE), unique=True),
        sooner=st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(seconds=-1)]),
        stale=st.sampled_from([0, 0, 0, 1]),
    )
    def narrow(self, node: UUID, scope: list[str], sooner: timedelta, stale: int) -> None:
        """Only ever less of what is there, once per version, whatever fences stand."""
        parent, ends_at = self.nodes[node]
        version, wanted = self.versions[node], ends_at - sooner

        async def attempt() -> Any:
            async with self.stores.db["tripcord_signer"].locked(self.trader_id) as tx:
                return await tx.fetchval(
                    "SELECT narrow_token($1, $2, $3, $4, '{}', $5)",
                    *(self.trader_id, node, version - stale, scope, wanted),
                )

        may = not stale and set(scope) <= set(self.scopes[node]) and wanted <= ends_at
        found, refusal = self.stores.attempt(attempt())
        assert (found, refusal) == ((version + 1, None) if may else (None, "TC005"))
        if may:
            self.nodes[node], self.scopes[node] = (parent, wanted), scope
            self.versions[node] = version + 1

    @rule(node=nodes_made)
    def rotate(self, node: UUID) -> None:
        self.rotate_one(node)

    def rotate_one(self, node: UUID) -> None:
        held, new = self.secrets.get(node), secrets.token_bytes(32)

        async def attempt() -> Any:
            async with self.stores.db["tripcord_api"].locked(self.trader_id) as tx:
                return await tree_nodes.rotate(tx, self.trader_id, node, new)

        alive = self.level(node) == 0 and self.nodes[node][1] > now()
        if node not in self.secrets and node != self.device:
            expected: str | None = "TokenNotFound"
        else:
            expected = None if alive else "ParentNotActive"
        assert self.stores.attempt(attempt())[1] == expected
        if expected is None and held is not None:
            held.hand_out(new)

    @rule(
        pick=st.integers(0, 99),
        handed_out=st.integers(0, 5),
        which=st.lists(st.integers(0, 9), min_size=1, max_size=4),
        key=st.sampled_from([_JKT, _JKT, _JKT, "another"]),
    )
    def show(self, pick: int, handed_out: int, which: list[int], key: str) -> None:
        """Secrets of one node, of any age, each presented with a proof by a key."""
        if not self.secrets:
            return
        node = list(self.secrets)[pick % len(self.secrets)]
        held = self.secrets[node]
        for _ in range(handed_out):
            self.rotate_one(node)
        for one in which:
            shown = held.all[-1 - one % len(held.all)]
            found = self.stores.run(self._present(node, shown, key))
            counts = (
                key == _JKT
                and self.level(node) < Level.REVOKED
                and self.nodes[node][1] > now()
                and held.show(shown)
            )
            assert (found.kind is not None) is counts
            if counts:
                assert (found.level, found.scope) == (self.level(node), self.scopes[node])
                assert found.expires_at == self.end(node)

    async def _present(self, node: UUID, shown: bytes, key: str) -> Any:
        async with self.stores.db["tripcord_api"].session() as tx:
            return await tokens.admit(
                tx, trader_id=self.trader_id, token_id=node, secret_hash=shown, proof_scope=key,
                proof_hash=secrets.token_bytes(32),
                proof_expires_at=now() + timedelta(minutes=1),
            )  # fmt: skip

    @rule(
        node=nodes_made,
        imposer=st.sampled_from(sorted(IMPOSERS)),
        level=st.sampled_from([1, 2, 3, 4, 4, 5]),
    )
    def tighten(self, node: UUID, imposer: str, level: int) -> None:
        final = level == Level.REVOKED

        async def impose() -> Any:
            async with self.stores.db[IMPOSERS[imposer]].transaction() as tx:
                return await tokens.tighten(
                    tx, trader_id=self.trader_id, token_id=node, level=Level(level),
                    reason="test", origin=_ORIGIN, mode="cancel_entries" if final else None,
                    revocation_id=new_id() if final else None,
                    receipt_hash=secrets.token_bytes(32) if final else None,
                )  # fmt: skip

        imposed = self.stores.run(impose())
        key = (node, imposer)
        self.fences[key] = max(self.fences.get(key, 0), level)
        assert imposed.effective == self.level(node)

    @rule(node=nodes_made, level=st.integers(0, 4))
    def lift(self, node: UUID, level: int) -> None:
        key = (node, "trader")
        own = self.fences.get(key, 0)
        start = own or 4

        async def loosen() -> Level:
            async with self.stores.db["tripcord_signer"].locked(self.trader_id) as tx:
                return await fences.lift(
                    tx, trader_id=self.trader_id, token_id=node, expected_level=Level(start),
                    level=Level(level), approval_id=new_id(), request_digest=bytes(32),
                    asked_at_position=await fences.log_head(tx, self.trader_id), origin=_ORIGIN,
                )  # fmt: skip

        left, refusal = self.stores.attempt(loosen())
        if level >= start or start == Level.REVOKED:
            assert refusal == "23514"
        elif self.level(node) == Level.REVOKED:
            assert refusal == "revoked_is_final"
        elif not own:
            assert refusal == "lift_refused"
        else:
            assert refusal is None
            self.fences[key] = level
            if level == 0:
                del self.fences[key]
            assert left == self.level(node)

    # approvals

    @rule(target=approvals_made, subject=nodes_made, seconds=st.sampled_from([1, 30, 120, 600]))
    def request(self, subject: UUID, seconds: int) -> UUID:
        asked = Approval(
            trader_id=self.trader_id, approval_id=new_id(), requester="platform:x",
            action_type="bot.grant", action=b"{}", digest=hashlib.sha256(b"{}").digest(),
            nonce=secrets.token_bytes(32), required_strength="medium", subject_id=subject,
            state=ApprovalState.PENDING, created_at=self.now,
            expires_at=self.now + timedelta(seconds=seconds), decided_at=None, consumed_at=None,
        )  # fmt: skip

        async def insert() -> None:
            async with self.stores.db["tripcord_api"].locked(self.trader_id) as tx:
                await approvals.insert(tx, asked)

        self.stores.run(insert())
        self.asked[asked.approval_id] = asked
        self.executions[asked.approval_id] = 0
        return asked.approval_id

    @rule(approval=approvals_made, state=st.sampled_from(_ENDS))
    def decide(self, approval: UUID, state: ApprovalState) -> None:
        self._move(approval, state, from_state=ApprovalState.PENDING, in_time=True)

    @rule(approval=approvals_made)
    def execute(self, approval: UUID) -> None:
        to = ApprovalState.CONSUMED
        if self._move(approval, to, from_state=ApprovalState.APPROVED, in_time=True):
            self.executions[approval] += 1

    @rule(approval=approvals_made)
    def take_back(self, approval: UUID) -> None:
        to = ApprovalState.CANCELLED
        self._move(approval, to, from_state=ApprovalState.APPROVED, in_time=False)

    @rule(approval=consumes(approvals_made), state=st.sampled_from(list(ApprovalState)))
    def write_past_the_stores(self, approval: UUID, state: ApprovalState) -> None:
        """What a process with the right to write rows might try: the trigger has the last word."""
        before = self.asked[approval].state
        done = "now()" if state is ApprovalState.CONSUMED else "NULL"

        async def write() -> None:
            async with self.stores.db["postgres"].transaction() as tx:
                await tx.execute(
                    f"UPDATE approval SET state = $3, consumed_at = {done},"
                    " decided_at = CASE $3 WHEN 'pending' THEN NULL ELSE now() END"
                    " WHERE trader_id = $1 AND approval_id = $2",
                    *(self.trader_id, approval, state.value),
                )

        if self.stores.attempt(write())[1] is not None:
            return
        ended = before not in {ApprovalState.PENDING, ApprovalState.APPROVED}
        assert state is before or not ended
        assert state is not ApprovalState.APPROVED or before in {state, ApprovalState.PENDING}
        self._set(approval, state)

    @rule(seconds=st.sampled_from([1, 29, 60, 601]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def _move(
        self, approval: UUID, state: ApprovalState, *, from_state: ApprovalState, in_time: bool
    ) -> bool:
        async def move() -> bool:
            async with self.stores.db["tripcord_signer"].locked(self.trader_id) as tx:
                match state:
                    case ApprovalState.CONSUMED:
                        return await approvals.consume(tx, self.trader_id, approval, self.now)
                    case ApprovalState.CANCELLED:
                        return await approvals.cancel(tx, self.trader_id, approval)
                    case _:
                        return await approvals.decide(tx, self.trader_id, approval, state, self.now)

        stands = self.asked[approval]
        may = stands.state is from_state and (not in_time or self.now < stands.expires_at)
        assert self.stores.run(move()) is may
        if may:
            self._set(approval, state)
        return may

    def _set(self, approval: UUID, state: ApprovalState) -> None:
        fields = {name: getattr(self.asked[approval], name) for name in Approval.__struct_fields__}
        self.asked[approval] = Approval(**(fields | {"state": state}))

    # what holds after every step

    @invariant()
    def the_tree_is_as_the_model_says(self) -> None:
        async def read() -> list[Any]:
            async with self.stores.db["postgres"].session() as tx:
                return await tx.fetch(
                    "SELECT token_id, parent_id, path, expires_at, scope, version,"
                    " effective_level(trader_id, path) AS level FROM token WHERE trader_id = $1",
                    self.trader_id,
                )

        rows = {row["token_id"]: row for row in self.stores.run(read())}
        assert rows.keys() == self.nodes.keys()
        for node, (parent, expires_at) in self.nodes.items():
            row = rows[node]
            assert (row["parent_id"], row["path"]) == (parent, self.path(node))
            assert row["expires_at"] == expires_at
            assert row["level"] == self.level(node)
            assert (row["scope"], row["version"]) == (self.scopes[node], self.versions[node])
            if parent is not None:
                assert row["level"] >= rows[parent]["level"]

    @invariant()
    def approvals_are_as_the_model_says(self) -> None:
        async def read() -> list[Any]:
            async with self.stores.db["postgres"].session() as tx:
                return await tx.fetch(
                    "SELECT approval_id, state FROM approval WHERE trader_id = $1", self.trader_id
                )

        stored = {row["approval_id"]: row["state"] for row in self.stores.run(read())}
        assert stored == {one: asked.state.value for one, asked in self.asked.items()}
        assert all(count <= 1 for count in self.executions.values())


@pytest.fixture
def stores(module_database: FreshDatabase) -> Iterator[Stores]:
    opened = Stores(module_database)
    yield opened
    opened.close()


@pytest.mark.timeout(300)
def test_tree_fences_and_approvals_do_what_their_model_does(stores: Stores) -> None:
    machine = type("Machine", (Machine,), {"stores": stores})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=_STEPS,
            deadline=None,  # how busy the machine is, is not what is tested
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
