"""Verb to room: what the signer does for each of its peers, refusals logged."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from app.accesslog import store as log
from app.accesslog.log import append_locked
from app.accesslog.models import LOCKED_CHAIN, SYSTEM_TRADER, Entry, Event
from app.approvals import store as approvals
from app.approvals.errors import ApprovalNotFound
from app.approvals.models import ApprovalState
from app.core.errors import DomainError, Malformed
from app.core.jose import SignatureRejected
from app.core.origin import Origin
from app.core.statements import claimed
from app.db.errors import DatabaseUnavailable, TraderBusy
from app.db.pool import Database
from app.deciding.execution import Executions
from app.deciding.methods import Method
from app.deciding.numbers import DeviceNumber, Numbers
from app.deciding.passkeys import PasskeyMethod, PasskeyVerifier
from app.deciding.push_otp import PushOtps
from app.deciding.service import DecidingService
from app.deciding.session_code import SessionCodes, SignInCode
from app.deciding.totp import TotpMethod, TotpVerifier
from app.deciding.warnings import ReplayWarnings
from app.deciding.witness import Witness
from app.enrolment.adding import FactorAdding
from app.enrolment.completing import Completing
from app.enrolment.devices import DeviceBinding
from app.enrolment.factor_changes import ByKind, PasskeyChanges, seed_comes_next
from app.enrolment.factors import FactorBinding
from app.enrolment.joining import DeviceJoining
from app.enrolment.passkey_return import PasskeyReturn
from app.enrolment.passkeys import PasskeyBinding
from app.enrolment.re_enrolling import ReEnrolling
from app.enrolment.re_enrolments import ReEnrolments
from app.enrolment.recovery_codes import RecoveryCodeBinding
from app.enrolment.removing import FactorRemoving
from app.enrolment.vetoing import Vetoing
from app.granting.addresses import AddressChanges
from app.granting.narrowing import Narrowing
from app.granting.platform_tokens import PlatformTokens
from app.granting.seals import Seals
from app.granting.service import Granting
from app.linking.attesting import Attesting
from app.linking.importing import Importing
from app.loosening.heartbeats import Heartbeats
from app.loosening.lifts import Lifts
from app.loosening.policies import PolicyChanges
from app.otp.errors import TotpReplayed
from app.signing.cleanup import CleanUps
from app.signing.holding import Holding
from app.signing.orders import OrderSigning
from app.signing.reads import VenueReads
from app.telling.errors import StatementUnproven
from app.telling.redeeming import Redeeming
from app.telling.service import Telling
from app.tokens import store as tokens
from app.vault.bootstrap import Bootstrap
from app.vault.errors import EvidenceForged
from app.vault.evidence import Evidence
from app.vault.unwrap import SigningKeys
from app.vault.wrap import SealingKeys
from app.verbs.server import Handler
from app.verbs.wire import (
    NO_APPROVAL,
    BeginReEnrolment,
    BindDevice,
    BindFactor,
    BindPasskey,
    BindRecoveryCodes,
    BoundDevice,
    CleanUp,
    Decide,
    Decided,
    EndedReEnrolment,
    EndReEnrolment,
    ImportSecret,
    OpenCeremony,
    OpenSealingKey,
    ReadReply,
    RevealCode,
    RevealedCode,
    SealChange,
    SealedChange,
    SignedStatement,
    SignOrder,
    SignRedemption,
    SignStatement,
    VenueRead,
    Verb,
)

if TYPE_CHECKING:
    from app.wiring.signer import Parts

R = TypeVar("R", bound=Verb)

_BROWSER = "browser:"
"""Actors that have no token yet."""

_ANYONES = {Event.DEVICE_BOUND, Event.RE_ENROLMENT_BEGUN, Event.RE_ENROLMENT_ENDED}


def api_handlers(parts: "Parts") -> dict[type[Verb], Handler]:
    """Handlers of the api's socket, each with the event that a refusal is logged under."""
    db, clock, identity = parts.db, parts.clock, parts.identity
    evidence, sealing = Evidence(parts.workers), SealingKeys(parts.workers)
    keys = SigningKeys(parts.workers)
    witness = Witness(evidence, clock)
    executions = Executions(witness, evidence)
    totp = TotpVerifier(db, keys, clock)
    codes = SessionCodes(db, evidence, totp, clock)
    numbers, push_otps = Numbers(db, evidence, clock), PushOtps(db, witness, evidence, clock)
    passkeys = PasskeyVerifier(db, evidence, clock, parts.relying_party)
    methods: dict[str, Method] = {
        "totp": SignInCode(codes, TotpMethod(totp)),
        "webauthn": PasskeyMethod(passkeys),
        "device_number": DeviceNumber(db, numbers, evidence, clock),
    }
    deciding = DecidingService(db, witness, evidence, methods, codes, push_otps, clock)
    warnings = ReplayWarnings(db, clock)
    bootstrap = Bootstrap(parts.workers)
    devices = DeviceBinding(db, evidence, bootstrap, identity, clock)
    joining = DeviceJoining(db, executions, evidence, bootstrap, identity, clock)
    recovery_codes = RecoveryCodeBinding(db, witness, evidence, executions, clock)
    re_enrolments = ReEnrolments(evidence)
    returning = PasskeyReturn(db, evidence, passkeys, clock)
    re_enrolling = ReEnrolling(
        db, re_enrolments, evidence, returning, clock, parts.re_enrolment_wait
    )
    vetoing = Vetoing(db, re_enrolments, witness, clock)
    completing = Completing(db, re_enrolments, evidence, returning, bootstrap, identity, clock)
    passkey_binding = PasskeyBinding(db, witness, evidence, parts.relying_party, clock)
    passkey_changes = PasskeyChanges(db, witness, evidence, executions, clock)
    adding = FactorAdding(db, witness, executions, evidence, clock)
    factors = FactorBinding(db, witness, evidence, sealing, identity, adding, clock)
    importing = Importing(db, witness, evidence, sealing, clock)
    orders = OrderSigning(db, keys, Holding(db, executions), parts.courier, clock)
    attesting = Attesting(db, evidence, executions, clock)

    async def decide(request: Decide) -> Decided:
        try:
            decided = await deciding.decide(request)
        except TotpReplayed as replayed:
            if replayed.factor_id is not None:
                await warnings.warn(request.trader_id, replayed.factor_id, request.origin)
            raise
        if decided.action_type == "trade.key_link" and decided.state != ApprovalState.APPROVED:
            await attesting.end_refused(request.trader_id, decided, request.origin)
        return decided

    async def reveal_code(request: RevealCode) -> RevealedCode:
        show = numbers.show if request.statement is None else push_otps.reveal
        return await show(request)

    async def bind_device(request: BindDevice) -> BoundDevice:
        return await (devices if request.approval_id is None else joining).bind(request)

    async def end_re_enrolment(request: EndReEnrolment) -> EndedReEnrolment:
        end = completing.complete if request.act == "complete" else vetoing.end
        return await end(request)

    seals = Seals(evidence, identity.identity, clock)
    policies = PolicyChanges(db, witness, evidence, executions, clock)
    changes = _Changes(
        db,
        {
            "trade.key_link": attesting.activate,
            "bot.grant": Granting(db, evidence, executions, seals, clock).seal,
            "token.lift": Lifts(db, executions, clock).seal,
            "token.child": PlatformTokens(db, executions, seals, clock).seal,
            "net.ip_change": AddressChanges(db, executions, seals, clock).seal,
            "factor.add": ByKind(
                db, {"totp": seed_comes_next, "webauthn": passkey_changes.add}
            ).seal,
            "factor.remove": ByKind(
                db,
                {
                    "totp": FactorRemoving(db, executions, evidence, totp, clock).seal,
                    "webauthn": passkey_changes.remove,
                },
            ).seal,
            "policy.change": policies.loosen,
        },
        {
            "tripcord/narrow/v1": Narrowing(db, witness, seals, clock).narrow,
            "tripcord/heartbeat/v1": Heartbeats(db, witness, evidence, clock).seal,
            "tripcord/policy/v1": policies.change,
            "tripcord/policy-cancel/v1": policies.cancel,
        },
    )
    return {
        BindDevice: _logged(db, Event.DEVICE_BOUND, bind_device),
        BindFactor: _logged(db, Event.FACTOR_BOUND, factors.bind),
        OpenCeremony: _logged(db, Event.PASSKEY_CHALLENGED, passkey_binding.open_ceremony),
        BindPasskey: _logged(db, Event.PASSKEY_BOUND, passkey_binding.bind),
        BindRecoveryCodes: _logged(db, Event.RECOVERY_CODES_BOUND, recovery_codes.bind),
        BeginReEnrolment: _logged(db, Event.RE_ENROLMENT_BEGUN, re_enrolling.begin),
        EndReEnrolment: _logged(db, Event.RE_ENROLMENT_ENDED, end_re_enrolment),
        OpenSealingKey: _logged(db, Event.SEALING_KEY_OPENED, factors.open_sealing_key),
        ImportSecret: _logged(db, Event.CREDENTIAL_IMPORTED, importing.import_secret),
        Decide: _logged(db, Event.APPROVAL_DECIDED, decide),
        RevealCode: _logged(db, Event.APPROVAL_CODE_REVEALED, reveal_code),
        SealChange: _logged(db, Event.CHANGE_SEALED, changes.seal),
        SignOrder: _logged(db, Event.ORDER_REFUSED, orders.sign_order),
        SignRedemption: _logged(
            db,
            Event.APPROVAL_REDEEMED,
            Redeeming(db, executions, identity.issuer, clock, issuer=parts.issuer).redeem,
        ),
    }


def courier_handlers(parts: "Parts") -> dict[type[Verb], Handler]:
    """Handlers of the courier's socket."""
    db, clock = parts.db, parts.clock
    evidence, keys = Evidence(parts.workers), SigningKeys(parts.workers)
    executions = Executions(Witness(evidence, clock), evidence)
    attesting, reads = Attesting(db, evidence, executions, clock), VenueReads(db, keys, clock)

    async def venue_read(request: VenueRead) -> ReadReply:
        if request.what == "permissions":
            if request.answer is not None:
                state = await attesting.read_back(
                    request.trader_id, request.credential_id, request.answer
                )
                return ReadReply(state=state)
            await attesting.begin(request.trader_id, request.credential_id)
        return ReadReply(release=await reads.sign(request))

    return {VenueRead: venue_read, CleanUp: CleanUps(db, keys, evidence, clock).clean_up}


def dispatcher_handlers(parts: "Parts", *, issuer: str) -> dict[type[Verb], Handler]:
    """Handlers of the dispatcher's socket. `issuer` is our public origin."""
    telling = Telling(parts.db, Evidence(parts.workers), parts.identity.issuer, issuer=issuer)

    async def sign_statement(request: SignStatement) -> SignedStatement:
        try:
            return await telling.sign_statement(request)
        except (StatementUnproven, EvidenceForged) as error:
            # Nobody of ours queues what is not true. The system's chain, because whose trader it
            # would be about is what is in doubt.
            async with parts.db.transaction() as tx:
                await log.append(
                    tx,
                    LOCKED_CHAIN,
                    Entry(
                        trader_id=SYSTEM_TRADER,
                        event=Event.STATEMENT_REFUSED,
                        origin=Origin(actor="dispatcher"),
                        subject_id=request.message_id,
                        outcome="refused",
                        rule=f"{error.code}:{error.rule}" if error.rule else error.code,
                    ),
                )
            error.logged = True
            raise

    return {SignStatement: sign_statement}


_Seal = Callable[[SealChange], Awaitable[SealedChange]]


class _Changes:
    """`seal_change`: the type of what was approved names the room that carries it out.

    What a device may do by itself comes as its statement, and the statement's domain names the
    room; the room verifies it.
    """

    def __init__(self, db: Database, approved: dict[str, _Seal], stated: dict[str, _Seal]) -> None:
        self._db = db
        self._approved = approved
        self._stated = stated

    async def seal(self, request: SealChange) -> SealedChange:
        if request.statement is not None:
            by_statement = self._stated.get(claimed(request.statement, "domain"))
            if by_statement is None:
                raise SignatureRejected
            if request.approval_id != NO_APPROVAL:
                raise Malformed
            return await by_statement(request)
        async with self._db.session() as tx:
            approval = await approvals.get(tx, request.trader_id, request.approval_id)
        room = None if approval is None else self._approved.get(approval.action_type)
        if room is None:
            raise ApprovalNotFound
        return await room(request)


def _logged(
    db: Database, event: Event, verb: Callable[[R], Awaitable[Any]]
) -> Callable[[R], Awaitable[Any]]:
    """Refusals are in the log before their answer leaves (P6); the room logs its own successes."""

    async def handle(request: R) -> Any:
        try:
            return await verb(request)
        except (DatabaseUnavailable, TraderBusy):
            raise
        except DomainError as error:
            if not error.logged:
                await _log_refusal(db, event, request, error)
                error.logged = True
            raise

    return handle


async def _log_refusal(db: Database, event: Event, request: Any, error: DomainError) -> None:
    # Anyone may try an enrolment or recovery code, or a code for a sign-in: that is told to the
    # system, and neither fills a trader's chain nor takes the lock from those who have a token.
    trader_id: UUID = request.trader_id
    of_anyone = (isinstance(request, Decide) and request.origin.actor.startswith(_BROWSER)) or (
        isinstance(request, OpenCeremony) and request.device_id is None
    )
    if event in _ANYONES or of_anyone:
        trader_id = SYSTEM_TRADER
    origin: Origin = request.origin
    token_id: UUID | None = origin.device_id or getattr(request, "grant_id", None)
    async with db.locked(trader_id) as tx:
        node = None if token_id is None else await tokens.get(tx, trader_id, token_id)
        await append_locked(
            tx,
            Entry(
                trader_id=trader_id,
                event=event,
                origin=origin,
                token_id=token_id,
                path=None if node is None else node.path,
                subject_id=_named(request),
                outcome="refused",
                rule=f"{error.code}:{error.rule}" if error.rule else error.code,
            ),
        )


def _named(request: Any) -> UUID | None:
    """What a request is about, where it names it."""
    named: UUID | None = getattr(request, "approval_id", None)
    if named in {None, NO_APPROVAL}:
        named = getattr(request, "re_enrolment_id", None)
    return named
