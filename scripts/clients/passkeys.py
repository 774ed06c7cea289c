"""Passkeys on a phone: register, approve, remove, and come back with one after losing the phone."""

from dataclasses import dataclass
from uuid import UUID

from scripts.clients import statements
from scripts.clients.approvals import Decision, Prompt
from scripts.clients.authenticator import Authenticator
from scripts.clients.encoding import Json, b64url_decode, lp, sha256
from scripts.clients.http import Api, Dpop
from scripts.clients.recovery import RecoverableDevice, ReEnrolment


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """`approval_id` is what has to be approved before it counts; None for a first factor."""

    factor_id: UUID
    approval_id: UUID | None


class PasskeyDevice(RecoverableDevice):
    """The part of a phone that uses a passkey. `authenticator` is the system's API for them."""

    def register_passkey(self, authenticator: Authenticator, *, label: str) -> NewPasskey:
        """Ask for options, let the authenticator make a key, and sign for what it made."""
        options = self.call("POST", "/v1/factors/webauthn/options", {"label": label}).body
        response = authenticator.create(options["public_key"])
        claims = statements.bind_passkey(
            self.account.trader_id,
            self.account.device_id,
            challenge_id=options["challenge_id"],
            response_digest=registration_digest(response),
            label=label,
        )
        body = {"statement": self.key.statement(claims), "response": response}
        answer = self.call("POST", "/v1/factors/webauthn", body).body
        approval_id = answer["approval_id"]
        return NewPasskey(UUID(answer["factor_id"]), UUID(approval_id) if approval_id else None)

    def passkeys(self) -> list[Json]:
        """Each with what an app needs to ask for it: its id, its RP ID, its transports."""
        return list(self.call("GET", "/v1/factors/webauthn").body["items"])

    def ask_passkey_removal(self, factor_id: UUID) -> UUID:
        """Ask to remove one; the approval takes a passkey, unless that one is frozen."""
        answer = self.call("DELETE", f"/v1/factors/webauthn/{factor_id}")
        return UUID(answer.body["approval_id"])

    def approve_with_passkey(self, prompt: Prompt, authenticator: Authenticator) -> Json:
        """Approve what this phone shows. The challenge is made here, of the bytes that were shown:
        never take one from the service, or the passkey signs what nobody saw.
        """
        approval = prompt.approval
        (rp_id,) = {passkey["rp_id"] for passkey in self.passkeys()}
        challenge = sha256(
            b"tripcord/approve/v1\0"
            + approval.approval_id.bytes
            + b64url_decode(approval.nonce)
            + prompt.screen.digest
        )
        assertion = authenticator.get(rp_id=rp_id, challenge=challenge)
        claims = statements.decision(
            self.account.trader_id,
            self.account.device_id,
            approval_id=approval.approval_id,
            nonce=approval.nonce,
            shown_digest=prompt.screen.digest,
            verdict=Decision.APPROVE.value,
            method="webauthn",
        )
        body = {"statement": self.key.statement(claims), "assertion": assertion}
        path = f"/v1/approvals/{approval.approval_id}/decision"
        return dict(self.call("POST", path, body).body)

    def come_back_with_passkey(
        self,
        origin: str,
        authenticator: Authenticator,
        *,
        rp_id: str,
        identity_jkt: str,
        authenticator_lost: bool = False,
    ) -> ReEnrolment:
        """Begin the waiting time with a passkey that is still there, a synced one say.

        Whose it is, the passkey itself says. `identity_jkt` is from the paper, or from the
        operator: a new phone has nothing else to know the service by.
        """
        self.close()
        self._api = Api(origin, user_agent="tripcord-phone/1", transport=self._transport)
        trader_id = UUID(bytes=authenticator.passkey_for(rp_id).user_handle)
        asked = {"trader_id": str(trader_id), "public_jwk": self.key.public_jwk}
        path = "/v1/re-enrolments"
        opened = self._api.call("POST", f"{path}/challenges", auth=Dpop(self.key), json=asked).body
        claims = statements.re_enrol_by_passkey(
            trader_id,
            opened["challenge_id"],
            jkt=self.key.jkt,
            name=self.name,
            authenticator_lost=authenticator_lost,
        )
        statement = self.key.statement(claims)
        challenge = sha256(
            b"tripcord/re-enrol/v1\0"
            + b64url_decode(opened["challenge"])
            + sha256(statement.encode())
        )
        body = asked | {
            "name": self.name,
            "push": self.inbox.registration() if self.inbox else None,
            "challenge_id": opened["challenge_id"],
            "statement": statement,
            "assertion": authenticator.get(rp_id=opened["rp_id"], challenge=challenge),
        }
        answer = self._api.call("POST", path, auth=Dpop(self.key), json=body).body
        return ReEnrolment(
            trader_id=trader_id,
            re_enrolment_id=UUID(answer["re_enrolment_id"]),
            identity_jkt=identity_jkt,
            not_before=answer["not_before"],
            expires_at=answer["expires_at"],
        )


def registration_digest(response: Json) -> bytes:
    """What the phone signs of a registration: SHA-256 over its parts, length-prefixed."""
    made = response["response"]
    return sha256(
        lp(
            b64url_decode(made["clientDataJSON"]),
            b64url_decode(made["attestationObject"]),
            *(transport.encode() for transport in made.get("transports", [])),
        )
    )
