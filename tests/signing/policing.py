"""Policies as a phone writes and signs them, and what stands of them in the database."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.core.ids import new_id
from app.policies.models import Policy, PolicyRow
from app.policies.presets import PRESETS
from app.policies.rules import policy_bytes, read_policy
from app.vault.evidence import Evidence
from app.verbs.wire import SealChange, SealedChange
from tests.core.keys import P256, jws
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader

NORMAL: dict[str, Any] = msgspec.to_builtins(PRESETS["normal"])


def plus(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The preset everybody starts with, and these rules; `changes` are of the policy."""
    return NORMAL | {"rules": list(rules)} | changes


def needing(action: str, need: str, policy: dict[str, Any] | None = None) -> dict[str, Any]:
    """A policy whose base for one type of action is another."""
    policy = policy or NORMAL
    base = [item for item in policy["base"] if item["action"] != action]
    return policy | {"base": [*base, {"action": action, "need": need}]}


def rule(action: str, need: str, *when: str, above: str | None = None) -> dict[str, Any]:
    band = None if above is None else {"amount": above, "quote": "USDT"}
    return {"action": action, "need": need, "when": list(when), "above": band}


class Policing:
    """One trader's policy, changed by one of the trader's devices."""

    def __init__(self, trader: Trader) -> None:
        self.trader, self.signer = trader, trader.signer

    def _claims(self, domain: str, **members: Any) -> dict[str, Any]:
        return {
            "domain": domain, "trader_id": str(self.trader.trader_id),
            "device_id": str(self.trader.bound.device_id),
            "iat": int(self.signer.clock.now().timestamp()),
        } | members  # fmt: skip

    def request(
        self, policy: dict[str, Any], version: int = 0, *, device: P256 | None = None, **more: Any
    ) -> SealChange:
        claims = self._claims("tripcord/policy/v1", version=version, policy=policy) | more
        return self._seal(claims, device)

    def cancel(self, version: int, *, device: P256 | None = None) -> SealChange:
        return self._seal(self._claims("tripcord/policy-cancel/v1", version=version), device)

    def _seal(self, claims: dict[str, Any], device: P256 | None) -> SealChange:
        return SealChange(
            trader_id=self.trader.trader_id, origin=self.trader.origin,
            statement=jws(device or self.trader.device, DEVICE_TYP, claims),
        )  # fmt: skip

    async def put(self, policy: dict[str, Any], version: int = 0) -> SealedChange:
        sealed: SealedChange = await self.signer.ask(self.request(policy, version))
        return sealed

    async def loosen(self, policy: dict[str, Any], version: int) -> SealedChange:
        """Ask for a looser one, approve it and have it sealed."""
        asked = await self.put(policy, version)
        assert asked.state == "awaiting_approval"
        await self.trader.approve(asked.subject_id)
        sealed: SealedChange = await self.signer.ask(self.trader.seal_request(asked.subject_id))
        return sealed

    async def rows(self) -> list[Any]:
        return list(
            await self.signer.admin.fetch(
                "SELECT * FROM trader_policy WHERE trader_id = $1 ORDER BY version",
                self.trader.trader_id,
            )
        )

    async def strength_of(self, approval_id: UUID) -> str:
        found: str = await self.signer.admin.fetchval(
            "SELECT required_strength FROM approval WHERE approval_id = $1", approval_id
        )
        return found

    def at(self, ahead: timedelta) -> datetime:
        """Let the signer's clock run ahead of the true one; the fixture sets it right again."""
        self.signer.clock.ahead = ahead
        return self.signer.clock.now()


def body_of(row: Any) -> Policy:
    return msgspec.json.decode(row["policy"], type=Policy)


async def as_if_approved_yesterday(
    trader: Trader, policy: dict[str, Any], version: int = 1
) -> None:
    """Stand a policy in force: a day's wait cannot be waited out in a test.

    It cheats beneath the signer's ceremony, with the signer's own MAC.
    """
    signer = trader.signer
    sealed = signer.clock.now() - timedelta(hours=25)
    row = PolicyRow(
        trader_id=trader.trader_id, root_id=trader.root_id, version=version, change="loosened",
        policy=policy_bytes(read_policy(policy)), device_id=trader.bound.device_id, statement=None,
        approval_id=new_id(), sealed_at=sealed, effective_at=sealed + timedelta(hours=24), mac=b"",
    )  # fmt: skip
    (mac,) = await Evidence(signer.parts.workers).seal([row.evidence()])
    places = ", ".join(f"${n}" for n in range(1, len(row.__struct_fields__) + 1))
    await signer.as_owner(
        (f"INSERT INTO trader_policy VALUES ({places})",
         *msgspec.structs.astuple(msgspec.structs.replace(row, mac=mac)))
    )  # fmt: skip
