"""What handlers call. Made once, in `wiring.api`."""

import asyncio
from typing import Any

import msgspec

from app.accesslog.log import ReadLog
from app.api.budgets import Budget
from app.api.edge import AnyRequest, Edge
from app.api.outer import SIGNER_LOGGED
from app.core.clock import Clock
from app.db.pool import Database
from app.introspection.coalescer import Coalescer
from app.platforms.service import PlatformService
from app.requesting.ciba import CibaRequests
from app.requesting.devices import DeviceRequests
from app.requesting.external import ExternalRequests
from app.requesting.factors import FactorRequests
from app.requesting.grants import GrantRequests
from app.requesting.lifts import LiftRequests
from app.requesting.nodes import NodeRequests
from app.requesting.passkeys import PasskeyRemovals
from app.requesting.sign_ins import SignIns
from app.requesting.user_codes import UserCodes
from app.revocation.incidents import IncidentService
from app.revocation.service import RevocationService
from app.verbs.answers import SignerStatus
from app.verbs.client import VerbClient
from app.verbs.errors import RefusedByPeer
from app.verbs.wire import Status, Verb
from app.watching.heads import Heads
from app.watching.service import Streams
from app.webhooks.registry import WebhookRegistry

ISSUER_SECONDS = 60.0
"""How long the issuer's public key is told again without asking the signer."""

SIGN_IN_LOOKS, LOOK_SECONDS = 240, 60.0
"""How often an address may look at or prove a sign-in: it has no token yet, and each time takes the
trader's lock. A browser looks twice a second."""

MISSED_LEAKS, MISS_SECONDS = 500, 600.0
"""Reports of what is none of our living tokens, per address: a scanner that is right is never
limited, and one that guesses costs us a look-up and a log entry each time."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    edge: Edge
    db: Database
    clock: Clock
    read_log: ReadLog
    signer: VerbClient
    platforms: PlatformService
    introspections: Coalescer
    revocations: RevocationService
    incidents: IncidentService
    external_requests: ExternalRequests
    grant_requests: GrantRequests
    lift_requests: LiftRequests
    factor_requests: FactorRequests
    device_requests: DeviceRequests
    node_requests: NodeRequests
    sign_ins: SignIns
    ciba_requests: CibaRequests
    user_codes: UserCodes
    passkey_removals: PasskeyRemovals
    association_files: dict[str, Any]
    webhooks: WebhookRegistry
    heads: Heads
    streams: Streams
    public_origin: str
    stopping: asyncio.Event
    leak_misses: Budget = msgspec.field(
        default_factory=lambda: Budget(most=MISSED_LEAKS, window_seconds=MISS_SECONDS)
    )
    sign_in_looks: Budget = msgspec.field(
        default_factory=lambda: Budget(most=SIGN_IN_LOOKS, window_seconds=LOOK_SECONDS)
    )
    known_issuer: list[tuple[float, SignerStatus]] = msgspec.field(default_factory=list)

    async def ask_signer(self, request: AnyRequest, verb: Verb) -> Any:
        """Relay a verb; a refusal that the signer has logged is not logged again here."""
        try:
            return await self.signer.call(verb)
        except RefusedByPeer as refused:
            request.scope[SIGNER_LOGGED] = refused.logged  # type: ignore[literal-required]
            raise

    async def issuer_status(self) -> SignerStatus:
        """As `signer_status`, at most a minute old: for what anybody may ask, again and again."""
        now = asyncio.get_running_loop().time()
        if not self.known_issuer or now - self.known_issuer[0][0] > ISSUER_SECONDS:
            self.known_issuer[:] = [(now, await self.signer_status())]
        return self.known_issuer[0][1]

    async def signer_status(self) -> SignerStatus:
        status: SignerStatus = await self.signer.call(Status())
        return status
