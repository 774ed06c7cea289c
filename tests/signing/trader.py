"""A trader with a phone, an authenticator app, a venue key and a bot: all through the verbs."""

import json
from typing import Any
from uuid import UUID

import msgspec

from app.approvals.actions import Amount
from app.core import token
from app.core.ids import new_id
from app.core.origin import Origin
from app.requesting.grants import GrantRequest, RequestedGrant
from app.traders import store as traders
from app.traders.models import ENROLMENT_CODE_LIFE
from app.verbs.wire import (
    BoundDevice,
    BoundFactor,
    Decided,
    ImportedCredential,
    ReadReply,
    VenueAnswer,
)
from tests.core.keys import Ed25519
from tests.signing.bot import Bot
from tests.signing.phone import Phone

GOOD_RIGHTS = {
    "ipRestrict": True,
    "createTime": 1_700_000_000_000,
    "enableReading": True,
    "enableSpotAndMarginTrading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
}
LIMITS = {"allocation": "5000", "free_limit": "600", "max_order": "2000"}


class Trader(Phone):
    """Sends what the phone signs. Each step returns what the verb answered; ids are kept."""

    factor_id: UUID

    async def appear(self) -> token.Token:
        """What `POST /v1/traders` leaves: a trader without a root, and an enrolment code."""
        self.trader_id, platform = new_id(), new_id()
        await self.signer.admin.execute("INSERT INTO platform VALUES ($1, 'p', '{}')", platform)
        async with self.signer.api.transaction() as tx:
            await traders.create(tx, self.trader_id, platform)
        return await self.another_code()

    async def another_code(self) -> token.Token:
        """An enrolment code for this trader, as the api stores it."""
        code = token.mint(token.TokenKind.ENROL, self.trader_id, new_id())
        ends_at = self.signer.clock.now() + ENROLMENT_CODE_LIFE
        async with self.signer.api.transaction() as tx:
            await traders.add_enrolment_code(
                tx, self.trader_id, code.token_id, code.secret_hash(), ends_at
            )
        return code

    async def enrol(self) -> BoundDevice:
        self.bound = await self.signer.ask(self.bind_request(await self.appear()))
        return self.bound

    async def bind_factor(self) -> UUID:
        bound: BoundFactor = await self.signer.ask(await self.factor_request())
        self.factor_id = bound.factor_id
        return self.factor_id

    async def let_time_pass(self) -> None:
        """As if the authenticator showed its next code: a test need not wait half a minute."""
        await self.signer.as_owner(
            ("UPDATE totp_state SET last_used_step = 0 WHERE trader_id = $1", self.trader_id)
        )

    async def forget_prompts(self) -> None:
        """As if what was asked until now lay hours back: how often is `test_governing`'s matter."""
        await self.signer.as_owner(
            ("UPDATE approval SET lineage = '' WHERE trader_id = $1", self.trader_id),
            ("DELETE FROM muted_lineage WHERE trader_id = $1", self.trader_id),
        )

    async def forgive_failures(self) -> None:
        """As if the delay after wrong codes were over."""
        forgive = "UPDATE totp_state SET consecutive_failures = 0, locked_until = NULL"
        await self.signer.as_owner((f"{forgive} WHERE trader_id = $1", self.trader_id))

    async def failures(self) -> int:
        """Attempts charged since the last code that was right."""
        found: int = await self.signer.admin.fetchval(
            "SELECT consecutive_failures FROM totp_state WHERE trader_id = $1", self.trader_id
        )
        return found

    async def replace_factor(self) -> None:
        """Bind an authenticator in the place of the one there is, as if this were the first day.

        The signer binds none where there is a factor or a credential: both are out of its sight.
        """
        hide = "UPDATE exchange_credential SET trader_id = $2 WHERE trader_id = $1"
        aside = new_id()
        for table in ("totp_state", "wrapped_seed", "totp_factor"):
            await self.signer.as_owner(
                (f"DELETE FROM {table} WHERE trader_id = $1", self.trader_id)
            )
        await self.signer.as_owner((hide, self.trader_id, aside))
        await self.bind_factor()
        await self.signer.as_owner((hide, aside, self.trader_id))

    async def import_key(self) -> UUID:
        imported: ImportedCredential = await self.signer.ask(await self.import_request())
        self.credential_id = imported.credential_id
        return self.credential_id

    async def attest(self, rights: dict[str, Any] | None = None, status: int = 200) -> str:
        """Read the key's rights back; the venue's answer is the test's."""
        asked: ReadReply = await self.signer.ask(self.read())
        assert asked.release is not None
        answer = VenueAnswer(status, json.dumps(rights or GOOD_RIGHTS).encode())
        told: ReadReply = await self.signer.ask(self.read(answer=answer))
        return str(told.state)

    async def link(self) -> UUID:
        """A key from envelope to active."""
        await self.import_key()
        assert await self.attest() == "verifying"
        await self.approve_and_seal(await self.pending_approval())
        return self.credential_id

    async def pending_approval(self) -> UUID:
        """The newest thing the phone is asked."""
        found: UUID = await self.signer.admin.fetchval(
            "SELECT approval_id FROM approval WHERE trader_id = $1 AND state = 'pending'"
            " ORDER BY approval_id DESC LIMIT 1",
            self.trader_id,
        )
        return found

    async def approve(self, approval_id: UUID) -> Decided:
        await self.let_time_pass()
        decided: Decided = await self.signer.ask(await self.decide_request(approval_id))
        return decided

    async def approve_named(self, approval_id: UUID) -> Decided:
        """As `approve`, for a trader with several authenticators: the first one's code."""
        await self.let_time_pass()
        request = await self.decide_request(approval_id)
        decided: Decided = await self.signer.ask(
            msgspec.structs.replace(request, factor_id=self.factor_id)
        )
        return decided

    async def approve_and_seal(self, approval_id: UUID) -> None:
        await self.approve(approval_id)
        await self.signer.ask(self.seal_request(approval_id))

    async def request_grant(
        self,
        model: Ed25519 | None = None,
        limits: dict[str, str] | None = None,
        *,
        lease_hours: int | None = None,
    ) -> tuple[RequestedGrant, Bot]:
        """Ask for a grant as the api does for a platform; its token is dead until it is sealed."""
        await self.forget_prompts()
        model, wanted = model or Ed25519(), LIMITS | (limits or {})
        amounts: dict[str, Any] = {
            name: Amount(amount=amount, quote="USDT") for name, amount in wanted.items()
        }
        asked = GrantRequest(
            trader_id=self.trader_id, parent_id=self.credential_id, public_jwk=model.jwk,
            model_name="model", model_digest="sha256:0", model_version="1",
            markets=["BTCUSDT", "ETHUSDT"], expires_at=None, lease_hours=lease_hours,
            **amounts,
        )  # fmt: skip
        requested = await self.signer.grants.request(
            asked, requested_by="platform", origin=Origin(actor="platform:x")
        )
        return requested, Bot(self, requested.bearer.token_id, model)

    async def grant(self, **limits: str) -> Bot:
        """A bot whose grant was asked, approved and sealed."""
        requested, bot = await self.request_grant(limits=limits)
        await self.approve_and_seal(requested.approval_id)
        return bot

    async def ready(self, **limits: str) -> Bot:
        """Everything: device, authenticator, linked key, sealed grant."""
        await self.enrol()
        await self.bind_factor()
        await self.link()
        return await self.grant(**limits)

    async def listen(self) -> None:
        """Give the phone a push registration: from now on it rings."""
        await self.signer.admin.execute(
            "INSERT INTO push_registration (trader_id, device_id, provider, kind, registration)"
            " VALUES ($1, $2, 'fcm', 'token', 'r')",
            *(self.trader_id, self.bound.device_id),
        )

    async def revoke(self, node: UUID) -> None:
        await self.signer.revocations.revoke(
            self.trader_id, node, reason="test", origin=self.origin
        )
