"""Recovery codes on paper, the veto of an old phone, and the way back of a new one.

A code is 128 random bits. With the trader's and its own id they are the seed of a signing key; the
service learns the public half, and at use a signature that names the new phone's key. The code
itself never leaves its owner's hands, so a service that relays it has nothing to steal.
"""

import secrets
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils.compat import uuid7

from scripts.clients import statements
from scripts.clients.device import Account, Device
from scripts.clients.encoding import Json, Secret, sha256
from scripts.clients.http import Answer, Api, Dpop
from scripts.clients.keys import KeyPair, pin_key
from scripts.clients.tokens import recovery_parts, recovery_text

CODES = 10
_DOMAIN = b"tripcord/recovery-code/v1\0"
_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    trader_id: UUID
    code_id: UUID
    text: Secret
    """The whole `tc_recovery_…` string, for paper."""

    @property
    def key(self) -> KeyPair:
        _, _, secret = recovery_parts(self.text.reveal())
        seed = sha256(_DOMAIN + self.trader_id.bytes + self.code_id.bytes + secret)
        return KeyPair(Ed25519PrivateKey.from_private_bytes(seed))


@dataclass(frozen=True, slots=True)
class RecoverySheet:
    """What is printed once: whom to trust, and ten codes, each good for one way back."""

    origin: str
    identity_jkt: str
    codes: tuple[RecoveryCode, ...]


@dataclass(frozen=True, slots=True)
class PendingCodes:
    """Codes that a person still has to approve; the same statement is sent again then."""

    sheet: RecoverySheet
    statement: str
    approval_id: UUID


def make_code(trader_id: UUID) -> RecoveryCode:
    code_id, secret = uuid7(), secrets.token_bytes(_SECRET_BYTES)
    return RecoveryCode(trader_id, code_id, Secret(recovery_text(trader_id, code_id, secret)))


def read_code(text: Secret) -> RecoveryCode:
    """A code as typed from paper, after its checksum, or raise BadFormat."""
    trader_id, code_id, _ = recovery_parts(text.reveal())
    return RecoveryCode(trader_id, code_id, text)


@dataclass(frozen=True, slots=True)
class ReEnrolment:
    """What a new phone keeps while it waits."""

    trader_id: UUID
    re_enrolment_id: UUID
    identity_jkt: str
    not_before: str
    expires_at: str


class RecoverableDevice(Device):
    """The part of a phone that makes codes, says no to who uses them, or comes back by one."""

    def make_recovery_codes(self) -> RecoverySheet | PendingCodes:
        """Draw ten codes here and register their public halves; older codes end with it."""
        trader_id = self.account.trader_id
        codes = tuple(make_code(trader_id) for _ in range(CODES))
        claims = statements.recovery_codes(
            trader_id, self.account.device_id, {code.code_id: code.key for code in codes}
        )
        sheet = RecoverySheet(self.api.origin, self.identity_jkt, codes)
        statement = self.key.statement(claims)
        answer = self.call("POST", "/v1/factors/recovery-codes", {"statement": statement}).body
        if answer["state"] == "bound":
            return sheet
        return PendingCodes(sheet, statement, UUID(answer["approval_id"]))

    def finish_recovery_codes(self, pending: PendingCodes) -> RecoverySheet:
        """After the approval: now the codes on the sheet count."""
        body = {"statement": pending.statement, "approval_id": str(pending.approval_id)}
        self.call("POST", "/v1/factors/recovery-codes", body)
        return pending.sheet

    def recovery_codes(self) -> Json:
        """How many are left, and how often somebody tried a wrong one."""
        return dict(self.call("GET", "/v1/factors/recovery-codes").body)

    def open_re_enrolments(self) -> list[Json]:
        """Who is trying to come back in this trader's name. Works with a dead token, too."""
        query: dict[str, str | int] = {"trader_id": str(self.account.trader_id)}
        answer = self.api.call("GET", "/v1/re-enrolments", auth=Dpop(self.key), query=query)
        return list(answer.body["items"])

    def veto(self, re_enrolment_id: UUID) -> Json:
        """No. One tap, no code; this phone's key is enough, whatever became of its token."""
        account = self.account
        claims = statements.end_re_enrolment(account.trader_id, re_enrolment_id, act="veto")
        body = {
            "trader_id": str(account.trader_id),
            "device_id": str(account.device_id),
            "statement": self.key.statement(claims),
        }
        path = f"/v1/re-enrolments/{re_enrolment_id}/veto"
        return dict(self.api.call("POST", path, auth=Dpop(self.key), json=body).body)

    # --- the new phone of a trader who lost every other one -----------------------------------

    def come_back(
        self, sheet: RecoverySheet, code: RecoveryCode, *, authenticator_lost: bool = False
    ) -> ReEnrolment:
        """Begin the waiting time; every old phone is told and may end it.

        With `authenticator_lost` the old authenticator app will not count any more, and a new one
        is bound as on the first day.
        """
        self.close()
        self._api = Api(sheet.origin, user_agent="tripcord-phone/1", transport=self._transport)
        claims = statements.re_enrol(
            code.trader_id,
            code.code_id,
            jkt=self.key.jkt,
            name=self.name,
            authenticator_lost=authenticator_lost,
        )
        body = {
            "trader_id": str(code.trader_id),
            "code_id": str(code.code_id),
            "public_jwk": self.key.public_jwk,
            "name": self.name,
            "push": self.inbox.registration() if self.inbox else None,
            "statement": self.key.statement(claims),
            "code_statement": code.key.statement(claims),
        }
        answer = self._api.call("POST", "/v1/re-enrolments", auth=Dpop(self.key), json=body).body
        return ReEnrolment(
            trader_id=code.trader_id,
            re_enrolment_id=UUID(answer["re_enrolment_id"]),
            identity_jkt=sheet.identity_jkt,
            not_before=answer["not_before"],
            expires_at=answer["expires_at"],
        )

    def poll(self, waiting: ReEnrolment) -> Json:
        """How far it is: the state, and until when old phones may say no."""
        path = f"/v1/re-enrolments/{waiting.re_enrolment_id}"
        query: dict[str, str | int] = {"trader_id": str(waiting.trader_id)}
        return dict(self.api.call("GET", path, auth=Dpop(self.key), query=query).body)

    def withdraw(self, waiting: ReEnrolment) -> Json:
        return dict(self._end(waiting, "cancel").body)

    def complete(self, waiting: ReEnrolment) -> Secret | None:
        """After the waiting time: this phone controls the trader, and nothing old does.

        Returns the receipt's capability, where this was what revoked the old root.
        """
        answer = self._end(waiting, "complete")
        body = answer.body
        self._account = Account(
            trader_id=UUID(body["trader_id"]),
            device_id=UUID(body["device_id"]),
            device_token=Secret(body["device_token"]),
            identity_jwk=pin_key(body["identity_jwk"], expected_jkt=waiting.identity_jkt),
            checkpoint_jkt=body["checkpoint_jkt"],
        )
        receipt = answer.headers.get("Tripcord-Receipt")
        return None if receipt is None else Secret(receipt)

    def _end(self, waiting: ReEnrolment, act: str) -> Answer:
        claims = statements.end_re_enrolment(waiting.trader_id, waiting.re_enrolment_id, act=act)
        body = {"trader_id": str(waiting.trader_id), "statement": self.key.statement(claims)}
        path = f"/v1/re-enrolments/{waiting.re_enrolment_id}/{act}"
        return self.api.call("POST", path, auth=Dpop(self.key), json=body)
