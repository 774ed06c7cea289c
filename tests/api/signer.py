"""A stand-in for the signer: the api's side of the socket is real, the answers are scripted.

It cheats because what is tested is the edge: what it relays, and what it makes of an answer or of
a refusal. It decides nothing and keeps everything it was asked.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from app.core.errors import DomainError
from app.core.ids import new_id
from app.verbs import answers, wire
from app.verbs.answers import BegunReEnrolment, BoundPasskey, OpenedCeremony
from app.verbs.server import VerbServer, own_uid
from scripts.clients.keys import KeyPair

IDENTITY = KeyPair.p256()


class StandInSigner:
    """`asked` is what came, in order; `answers` what comes back for a verb (an error is raised)."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.asked: list[Any] = []
        self.answers: dict[type[wire.Verb], Any] = {}
        self._server: VerbServer | None = None

    async def start(self) -> None:
        handlers: dict[Any, Any] = dict.fromkeys(get_args(wire.ApiVerb), self._answer)
        self._server = VerbServer(self.socket, wire.ApiVerb, handlers, allowed_uids={own_uid()})
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def relayed(self) -> list[Any]:
        """What was asked, without the questions about its health."""
        return [verb for verb in self.asked if not isinstance(verb, wire.Status)]

    async def _answer(self, request: Any) -> Any:
        self.asked.append(request)
        answer = self.answers.get(type(request)) or _ANSWERS[type(request)](request)
        if isinstance(answer, DomainError):
            raise answer
        return answer


_ANSWERS: dict[type[wire.Verb], Callable[[Any], Any]] = {
    wire.Status: lambda _: answers.SignerStatus(
        ready=True,
        courier_connected=True,
        hsm_module="stand-in",
        not_enforced=(),
        identity_jwk=IDENTITY.public_jwk,
        identity_jkt=IDENTITY.jkt,
        checkpoint_jwk=IDENTITY.public_jwk,
        checkpoint_jkt=IDENTITY.jkt,
        issuer_jwk={"e": "AQAB", "kty": "RSA", "n": "AQ"},
        issuer_kid="stand-in",
    ),
    wire.Decide: lambda asked: wire.Decided(
        approval_id=asked.approval_id,
        action_type="trade.key_link",
        subject_id=new_id(),
        state="denied",
    ),
    wire.RevealCode: lambda _: wire.RevealedCode(
        code="1234", expires_at=datetime(2100, 1, 1, tzinfo=UTC)
    ),
    wire.OpenSealingKey: lambda _: wire.OpenedSealingKey(
        sealing_key_id=new_id(),
        public_point=bytes(65),
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        statement="e30.e30.AA",
    ),
    wire.ImportSecret: lambda _: wire.ImportedCredential(credential_id=new_id(), state="pending"),
    wire.OpenCeremony: lambda _: OpenedCeremony(
        challenge_id=new_id(),
        challenge=bytes(32),
        rp_id="cord.example",
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        options={},
    ),
    wire.BindPasskey: lambda _: BoundPasskey(factor_id=new_id(), state="active"),
    wire.BindRecoveryCodes: lambda _: wire.BoundRecoveryCodes(state="bound", codes_left=10),
    wire.BeginReEnrolment: lambda _: BegunReEnrolment(
        re_enrolment_id=new_id(),
        not_before=datetime(2100, 1, 1, tzinfo=UTC),
        expires_at=datetime(2100, 1, 8, tzinfo=UTC),
    ),
    wire.EndReEnrolment: lambda _: wire.EndedReEnrolment(state="vetoed"),
    wire.BindFactor: lambda _: wire.BoundFactor(new_id()),
    wire.SignOrder: lambda _: wire.OrderOutcome(
        order_id=new_id(), state="released", client_order_id="tc-1", sequence=1
    ),
    wire.SignRedemption: lambda _: wire.SignedStatement("e30.e30.AA"),
    wire.SealChange: lambda _: wire.SealedChange(subject_id=new_id(), state="active"),
}
"""Where a test says nothing else. A phone is enrolled by the real signer only."""
