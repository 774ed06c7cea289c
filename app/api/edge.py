"""Who is asking: tokens, proofs, clients. The lock and everything dear comes after this."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request

from app.accesslog.log import ReadLog
from app.accesslog.models import SYSTEM_TRADER, Entry, Event, Outcome
from app.api.address import Network
from app.api.dpop import Proof, verify_proof
from app.api.errors import (
    AddressNotAllowed,
    InsufficientAuthentication,
    NonceRequired,
    ProofRejected,
    ScopeMissing,
)
from app.api.nonces import FRESH, Nonces
from app.api.origins import Origins
from app.api.presented import presented_as, scheme_of, shows_a_node
from app.core import networks, token
from app.core.clock import Clock
from app.core.jose import Jwk, SignatureRejected
from app.core.origin import Origin
from app.core.token import Token, TokenKind
from app.db.pool import Database, Tx
from app.guardrails.rungs import Rung, Verb, check_rung
from app.introspection.models import ACR_DEVICE
from app.platforms import tokens as platform_tokens
from app.platforms.errors import ClientRejected
from app.platforms.service import PlatformService
from app.revocation.held import once_more
from app.tokens import store as tokens
from app.tokens.errors import TokenRejected
from app.tokens.models import SESSION_LIFE, Admission, Level

AnyRequest = Request[Any, Any, Any]
_RUNGS = tuple(Rung)

PRINCIPAL = "tripcord.principal"
"""Where the scope holds who asked, for the log of refusals."""

FRESH_SIGN_IN = timedelta(hours=1)
"""For what tells a thief of a browser how to go on: who holds what, and where (RFC 9470)."""

NONCE = "tripcord.nonce"
"""Where the scope holds the nonce that goes with the answer (RFC 9449 section 8)."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking, once authentication has answered.

    For a client (a platform) `trader_id` is None: whose trader it is, is checked per request.
    """

    kind: TokenKind
    token_id: UUID
    trader_id: UUID | None
    root_id: UUID | None
    platform_id: UUID | None
    path: list[UUID]
    level: Level
    jkt: str | None
    origin: Origin
    scope: list[str] = []

    def require(self, scope: str) -> None:
        """Raise ScopeMissing unless this token has `scope`. The trader's own devices and sessions
        read all that is the trader's; what a bot may see is bounded by its place in the tree.
        """
        if self.kind is TokenKind.PLATFORM and scope not in self.scope:
            raise ScopeMissing(rule=scope)

    @property
    def trader(self) -> UUID:
        """The trader this token belongs to."""
        if self.trader_id is None:
            raise TokenRejected
        return self.trader_id


class Edge(Origins):
    """Authenticates requests. `public_origin` is what proofs must name, whatever a proxy says."""

    def __init__(
        self,
        db: Database,
        read_log: ReadLog,
        platforms: PlatformService,
        clock: Clock,
        *,
        cord_db: Database,
        public_origin: str,
        trusted_hops: Sequence[Network],
        nonces: Nonces,
        identity_jwk: Callable[[], Awaitable[Jwk]],
    ) -> None:
        super().__init__(trusted_hops)
        self._db = db
        self._read_log = read_log
        self._platforms = platforms
        self._clock = clock
        self._cord_db = cord_db
        self._public_origin = public_origin
        self._nonces = nonces
        self._identity_jwk = identity_jwk

    async def token(
        self,
        request: AnyRequest,
        *kinds: TokenKind,
        verb: Verb = Verb.READ,
        session_max_age: timedelta | None = None,
    ) -> Principal:
        """The principal of a DPoP-bound token of one of `kinds`.

        `verb` is the least that the token's rung must allow; what more it takes, the rooms check.
        To tighten, the look-up goes over the connections held for revokes, so that it works when
        every other one is taken.

        Raises
        ------
        TokenMissing
            No `Authorization: DPoP`, or a bound token presented as Bearer (RFC 9449 section 7.1).
        ProofRejected, TokenRejected
            One answer for everything that is wrong with either.
        NonceRequired
            The proof is good, and its age is in doubt.
        InsufficientAuthentication
            A living session, where a device is needed or a sign-in since `session_max_age`.
        AddressNotAllowed
            An address list of the path does not have the client's address. Tightening is exempt:
            the cord works from wherever its owner is (P7).
        """
        presented = presented_as(request, "dpop")
        parsed = await self._parsed(request, presented, *kinds, TokenKind.SESSION)
        proof = await self._logged_proof(request, parsed.token_id, presented)
        now = self._clock.now()
        found = await (self._admit_to_cut if verb is Verb.TIGHTEN else self._admit)(parsed, proof)
        if not found.proof_is_fresh:
            await self.log_miss(request, parsed.token_id, rule="proof_replayed")
            raise ProofRejected
        if (
            found.kind != parsed.kind.value
            or found.jkt != proof.jkt
            or found.expires_at is None
            or found.expires_at <= now
            or found.level is Level.REVOKED
            or not found.sealed
        ):
            await self.log_miss(request, parsed.token_id, rule="token_rejected")
            raise TokenRejected
        principal = self._principal(request, parsed, found)
        lists = [texts.split(",") for texts in found.networks or ()]
        if parsed.kind is TokenKind.PLATFORM:
            principal, sealed_list = await self._as_sealed(request, principal, found)
            lists.append(sealed_list)
        request.scope[PRINCIPAL] = principal  # type: ignore[literal-required]
        if parsed.kind is TokenKind.SESSION:
            signed_in_until, is_enough = found.expires_at, parsed.kind in kinds
            _check_sign_in(signed_in_until, now, is_enough=is_enough, within=session_max_age)
        if verb is not Verb.TIGHTEN and not networks.allows(lists, principal.origin.address):
            raise AddressNotAllowed
        check_rung(_RUNGS[principal.level], verb, node_id=principal.token_id)
        return principal

    async def requester(self, request: AnyRequest, *, verb: Verb = Verb.MINT) -> Principal:
        """Who may ask for a grant: a platform by its client token or its token in the tree, or a
        bot. What each may ask for, the routes check.
        """
        if shows_a_node(request):
            return await self.token(request, TokenKind.GRANT, TokenKind.PLATFORM, verb=verb)
        return await self.client(request)

    async def _as_sealed(
        self, request: AnyRequest, principal: Principal, found: Admission
    ) -> tuple[Principal, list[str]]:
        """A platform token as the signer sealed it. Scope, key, addresses and end are those of the
        signed statement: what the token's row says could be anybody's.
        """
        try:
            seal = platform_tokens.open_seal(
                found.statement or "", identity_jwk=await self._identity_jwk()
            )
        except SignatureRejected:
            seal = None
        mine = (principal.trader_id, principal.token_id, principal.root_id, principal.jkt)
        if (
            seal is None
            or (seal.trader_id, seal.token_id, seal.root_id, seal.jkt) != mine
            or seal.platform_id != principal.platform_id
            or seal.expires_at <= self._clock.now()
        ):
            await self.log_miss(request, principal.token_id, rule="token_rejected")
            raise TokenRejected
        return msgspec.structs.replace(principal, scope=seal.scope), seal.ip_networks

    async def client(self, request: AnyRequest) -> Principal:
        """The principal of a platform's access token: a bearer's, or one that is bound to a key
        and comes with a proof of it, never the one as the other (RFC 9449 section 7.1).

        Raises
        ------
        ClientRejected, ProofRejected, NonceRequired
            It is none of ours, or not with this proof.
        """
        bound = scheme_of(request) == "dpop"
        presented = presented_as(request, "dpop" if bound else "bearer")
        parsed = await self._parsed(request, presented, TokenKind.CLIENT)
        proof = await self._logged_proof(request, parsed.token_id, presented) if bound else None
        try:
            found = await self._platforms.find_access_token(
                parsed, jkt=None if proof is None else proof.jkt
            )
        except ClientRejected:
            await self.log_miss(request, parsed.token_id, rule="client_rejected")
            raise
        if proof is not None:
            await self._spend(proof)
        principal = Principal(
            kind=TokenKind.CLIENT,
            token_id=found.token_id,
            trader_id=None,
            root_id=None,
            platform_id=found.platform_id,
            path=[],
            level=Level.ACTIVE,
            jkt=found.jkt,
            origin=self.origin(request, f"platform:{found.platform_id}"),
        )
        request.scope[PRINCIPAL] = principal  # type: ignore[literal-required]
        return principal

    async def proof_to_bind(self, request: AnyRequest) -> Proof | None:
        """A proof beside a request for a token: the key to bind it to. Not spent yet; None where
        none came. What is said of its age costs nothing else of the request (RFC 9449 section 8).
        """
        if not request.headers.getall("dpop", []):
            return None
        return await self._logged_proof(request, None, None)

    async def spend(self, request: AnyRequest, proof: Proof) -> None:
        """Accept a proof once, or raise ProofRejected."""
        try:
            await self._spend(proof)
        except ProofRejected:
            await self.log_miss(request, None, rule="proof_replayed")
            raise

    async def proof_only(self, request: AnyRequest) -> Proof:
        """A spent proof of possession of a key that has no token yet."""
        try:
            proof = self._proof(request, None)
        except NonceRequired:
            await self.log_miss(request, None, rule="nonce_required")
            raise
        await self._spend(proof)
        return proof

    async def _spend(self, proof: Proof) -> None:
        async with self._db.session() as tx:
            fresh = await tokens.spend_proof(tx, proof.jkt, proof.identifier, proof.expires_at)
        if not fresh:
            raise ProofRejected

    async def _logged_proof(
        self, request: AnyRequest, token_id: UUID | None, access_token: str | None
    ) -> Proof:
        try:
            return self._proof(request, access_token)
        except (ProofRejected, NonceRequired) as refused:
            await self.log_miss(request, token_id, rule=refused.code)
            raise

    async def log(
        self,
        principal: Principal,
        event: Event,
        *,
        trader_id: UUID | None = None,
        subject_id: UUID | None = None,
        outcome: Outcome = "ok",
        rule: str | None = None,
    ) -> None:
        """Make a read durable in the log; call it before the answer leaves (P6)."""
        await self._read_log.append(
            Entry(
                trader_id=trader_id or principal.trader_id or SYSTEM_TRADER,
                event=event,
                origin=principal.origin,
                token_id=principal.token_id,
                path=principal.path or None,
                subject_id=subject_id,
                outcome=outcome,
                rule=rule,
            )
        )

    async def _admit(self, parsed: Token, proof: Proof) -> Admission:
        async with self._db.session() as tx:
            return await _admitted(tx, parsed, proof)

    async def _admit_to_cut(self, parsed: Token, proof: Proof) -> Admission:
        return await once_more(self._cord_db.session, lambda tx: _admitted(tx, parsed, proof))

    async def _parsed(self, request: AnyRequest, presented: str, *kinds: TokenKind) -> Token:
        try:
            return token.parse(presented, *kinds)
        except token.TokenMalformed:
            await self.log_miss(request, None, rule="token_rejected")
            raise TokenRejected from None

    async def log_miss(self, request: AnyRequest, subject_id: UUID | None, *, rule: str) -> None:
        """Misses go to the system's chain: they belong to no trader's tree."""
        await self._read_log.append(
            Entry(
                trader_id=SYSTEM_TRADER,
                event=Event.REQUEST_REFUSED,
                origin=self.origin(request, "anyone"),
                subject_id=subject_id,
                outcome="refused",
                rule=rule,
            )
        )

    def _proof(self, request: AnyRequest, access_token: str | None) -> Proof:
        values = request.headers.getall("dpop", [])
        if len(values) != 1:
            raise ProofRejected
        now = self._clock.now()
        proof = verify_proof(
            values[0],
            expected_method=request.method,
            expected_url=self._public_origin + request.scope["path"],
            access_token=access_token,
            now=now,
        )
        self._check_nonce(request, proof, now)
        return proof

    def _check_nonce(self, request: AnyRequest, proof: Proof, now: datetime) -> None:
        nonces = self._nonces
        if proof.nonce is None and not nonces.is_required:
            is_good = abs(now.timestamp() - proof.issued_at) <= FRESH.total_seconds()
        else:
            is_good = proof.nonce is not None and nonces.accepts(proof.nonce, now)
        if proof.nonce is not None or not is_good:  # whoever uses nonces learns the next one
            request.scope[NONCE] = nonces.current(now)  # type: ignore[literal-required]
        if not is_good:
            raise NonceRequired

    def _principal(self, request: AnyRequest, parsed: Token, found: Admission) -> Principal:
        is_device = parsed.kind is TokenKind.DEVICE
        actor = f"{parsed.kind.value}:{parsed.token_id}"
        if parsed.kind is TokenKind.PLATFORM:  # one requester, whichever of its tokens it uses
            actor = f"platform:{found.platform_id}"
        return Principal(
            kind=parsed.kind,
            token_id=parsed.token_id,
            trader_id=parsed.trader_id,
            root_id=found.root_id,
            platform_id=found.platform_id,
            path=found.path or [],
            level=found.level or Level.ACTIVE,
            jkt=found.jkt,
            origin=self.origin(
                request,
                actor,
                parsed.token_id if is_device else None,
            ),
            scope=found.scope or [],
        )


async def _admitted(tx: Tx, parsed: Token, proof: Proof) -> Admission:
    return await tokens.admit(
        tx,
        trader_id=parsed.trader_id,
        token_id=parsed.token_id,
        secret_hash=parsed.secret_hash(),
        proof_scope=proof.jkt,
        proof_hash=proof.identifier,
        proof_expires_at=proof.expires_at,
    )


def _check_sign_in(
    expires_at: datetime, now: datetime, *, is_enough: bool, within: timedelta | None
) -> None:
    """RFC 9470. A session ends `SESSION_LIFE` after its sign-in, or sooner with its parent."""
    if not is_enough:
        raise InsufficientAuthentication(acr_values=ACR_DEVICE)
    if within is not None and now - (expires_at - SESSION_LIFE) > within:
        raise InsufficientAuthentication(max_age=int(within.total_seconds()))
