"""An enrolled device: its key, what it pinned at enrolment, and how it speaks to the API."""

from dataclasses import dataclass, replace
from uuid import UUID

import httpx

from scripts.clients import statements
from scripts.clients.encoding import Json, Secret
from scripts.clients.enrolment import parse_enrolment
from scripts.clients.http import Answer, Api, Dpop
from scripts.clients.inbox import Inbox
from scripts.clients.keys import Jwk, KeyPair, pin_key, thumbprint
from scripts.clients.tokens import RevocationCard, make_card


class NotEnrolled(Exception):
    """Scan the enrolment code first."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the phone keeps after enrolment."""

    trader_id: UUID
    device_id: UUID
    device_token: Secret
    identity_jwk: Jwk
    """Of the HSM; pinned by the thumbprint in the QR. Signs sealing keys."""

    checkpoint_jkt: str
    """Thumbprint of the key that signs the access log's checkpoints."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an enrolled phone shows to a further one: where it belongs, and whom to trust there."""

    origin: str
    trader_id: UUID
    approval_id: UUID
    identity_jkt: str


class Device:
    def __init__(
        self,
        *,
        name: str,
        inbox: Inbox | None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name, self.inbox = name, inbox
        self.key = KeyPair.p256()
        self._transport = transport
        self._api: Api | None = None
        self._account: Account | None = None

    @property
    def api(self) -> Api:
        if self._api is None:
            raise NotEnrolled
        return self._api

    @property
    def account(self) -> Account:
        if self._account is None:
            raise NotEnrolled
        return self._account

    @property
    def identity_jkt(self) -> str:
        """Thumbprint of the HSM's identity key, as scanned."""
        return thumbprint(self.account.identity_jwk)

    def close(self) -> None:
        if self._api is not None:
            self._api.close()

    def enrol(self, uri: str) -> Account:
        """Redeem the scanned code. From here on the device key is what controls the trader."""
        scanned = parse_enrolment(uri)
        self._api = Api(scanned.origin, user_agent="tripcord-phone/1", transport=self._transport)
        claims = statements.bind_device(scanned, jkt=self.key.jkt, name=self.name)
        body = {
            "enrolment_code": scanned.code.reveal(),
            "public_jwk": self.key.public_jwk,
            "name": self.name,
            "push": self.inbox.registration() if self.inbox else None,
            "statement": self.key.statement(claims),
        }
        return self._keep_account(body, scanned.trader_id, identity_jkt=scanned.identity_jkt)

    def offer(self) -> Json:
        """What a further phone shows, as a code to scan, to one that is enrolled."""
        return {"public_jwk": self.key.public_jwk, "name": self.name}

    def ask_addition(self, offer: Json) -> Invitation:
        """Ask for the phone whose offer this one scanned; then approve it, comparing the key."""
        answer = self.call("POST", "/v1/devices/additions", offer).body
        return Invitation(
            self.api.origin,
            UUID(answer["trader_id"]),
            UUID(answer["approval_id"]),
            self.identity_jkt,
        )

    def join(self, invitation: Invitation) -> Account:
        """Bind this further phone, once its key was approved; a second time gets the same."""
        self.close()
        self._api = Api(invitation.origin, user_agent="tripcord-phone/1", transport=self._transport)
        claims = statements.add_device(
            invitation.trader_id, invitation.approval_id, jkt=self.key.jkt, name=self.name
        )
        body = {
            "trader_id": str(invitation.trader_id),
            "approval_id": str(invitation.approval_id),
            **self.offer(),
            "push": self.inbox.registration() if self.inbox else None,
            "statement": self.key.statement(claims),
        }
        return self._keep_account(body, invitation.trader_id, identity_jkt=invitation.identity_jkt)

    def _keep_account(self, body: Json, trader_id: UUID, *, identity_jkt: str) -> Account:
        answer = self.api.call("POST", "/v1/devices", auth=Dpop(self.key), json=body).body
        self._account = Account(
            trader_id=trader_id,
            device_id=UUID(answer["device_id"]),
            device_token=Secret(answer["device_token"]),
            identity_jwk=pin_key(answer["identity_jwk"], expected_jkt=identity_jkt),
            checkpoint_jkt=answer["checkpoint_jkt"],
        )
        return self._account

    def make_revocation_card(self) -> RevocationCard:
        """Draw the card here and register its hash: nobody but the paper's owner can use it."""
        card = make_card(self.account.trader_id)
        body = {"card_id": str(card.card_id), "secret_sha256": card.secret_sha256}
        self.call("POST", "/v1/revocation-cards", body)
        return card

    def renew_token(self) -> None:
        """Take a new secret. If the answer gets lost, ask again: until a new one is used, the old
        one is good.
        """
        path = f"/v1/tokens/{self.account.device_id}/rotate"
        answer = self.call("POST", path)
        self._account = replace(self.account, device_token=Secret(answer.body["token"]))

    @property
    def auth(self) -> Dpop:
        return Dpop(self.key, self.account.device_token)

    def call(self, method: str, path: str, body: Json | None = None) -> Answer:
        """One request with this device's token and proof of possession."""
        return self.api.call(method, path, auth=self.auth, json=body)
