"""A trading platform: signs traders up, asks for grants, asks whether a token still lives.

It authenticates with a key, not with a shared secret (RFC 7523 `private_key_jwt`), never sees an
exchange key, a factor or a revocation card, and cannot approve anything.
"""

import time
from dataclasses import dataclass
from uuid import UUID, uuid4

from scripts.clients.ciba import CibaClient
from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Api, Bearer, Dpop
from scripts.clients.keys import Jwk, KeyPair
from scripts.clients.screens import number_to_show, submit_code
from scripts.clients.tokens import GrantRequest, grant_from

_RENEW_BEFORE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the platform shows to its new trader: one QR, valid for minutes."""

    trader_id: UUID
    enrolment_uri: Secret
    expires_at: str


@dataclass(frozen=True, slots=True)
class Money:
    amount: str
    """Decimal string, for example "250.00"."""

    quote: str

    def wire(self) -> Json:
        return {"amount": self.amount, "quote": self.quote}


def jwks(*keys: KeyPair) -> Json:
    """The JWK Set an operator registers for this platform. Public halves only."""
    return {
        "keys": [
            {**key.public_jwk, "kid": key.jkt, "alg": key.algorithm, "use": "sig"} for key in keys
        ]
    }


class Platform:
    """With `bound_to` its access tokens are worth nothing without that key (RFC 9449): a copy of
    one from a log or a proxy opens nothing. Introspection, which is asked all the time, takes
    bearers only, so whoever introspects has a second `Platform` without it.
    """

    def __init__(
        self, api: Api, *, client_id: str, key: KeyPair, bound_to: KeyPair | None = None
    ) -> None:
        self._api, self._client_id, self._key, self._bound_to = api, client_id, key, bound_to
        self._token = Secret("")
        self._renew_at = 0.0

    def create_trader(self) -> Invitation:
        body = self._post("/v1/traders", {})
        return Invitation(
            UUID(body["trader_id"]), Secret(body["enrolment_uri"]), body["expires_at"]
        )

    def request_grant(
        self,
        *,
        trader_id: UUID,
        credential_id: UUID,
        model_jwk: Jwk,
        model: Json,
        markets: list[str],
        allocation: Money,
        free_limit: Money,
        max_order: Money,
        lease_hours: int | None = None,
    ) -> GrantRequest:
        """Ask the trader to let one model trade within bounds.

        `model` is {name, digest, version}; `markets` are the venue's own ids. Orders up to
        `free_limit` need no further approval, up to `max_order` they may be asked for. With
        `lease_hours` it trades only while the trader's phone was seen that recently.
        """
        body = self._post(
            "/v1/tokens",
            {
                "kind": "grant",
                "trader_id": str(trader_id),
                "parent_id": str(credential_id),
                "public_jwk": model_jwk,
                "model": model,
                "markets": markets,
                "allocation": allocation.wire(),
                "free_limit": free_limit.wire(),
                "max_order": max_order.wire(),
                **({} if lease_hours is None else {"lease_hours": lease_hours}),
            },
        )
        return grant_from(body)

    def request_token(
        self,
        *,
        trader_id: UUID,
        label: str,
        scope: list[str],
        ip_networks: list[str] | None = None,
    ) -> GrantRequest:
        """Ask the trader for a token of ours in his tree: `tree.read`, `approvals.read`,
        `approvals.request`, `grants.request`. It is bound to this platform's key.
        """
        body: Json = {
            "kind": "platform",
            "trader_id": str(trader_id),
            "public_jwk": self._key.public_jwk,
            "label": label,
            "scope": scope,
        }
        if ip_networks is not None:
            body["ip_networks"] = ip_networks
        return grant_from(self._post("/v1/tokens", body))

    def number(self, trader_id: UUID, approval_id: UUID) -> str:
        """Four digits to show beside what we asked for; the trader types them on the phone."""
        return number_to_show(self._api, self._auth(), approval_id, trader_id)

    def submit_code(self, trader_id: UUID, approval_id: UUID, code: str) -> Json:
        """What the trader typed at ours, read off the phone."""
        return submit_code(self._api, self._auth(), approval_id, trader_id, code)

    def ask(self, *, trader_id: UUID, details: Json, context: Json | None = None) -> UUID:
        """Ask the trader for something this platform will do: one element of
        `authorization_details`, of a type that `GET /v1/action-types` lists as external. `context`
        is what we saw of our user (address, user_agent, place) and our message; the phone shows it
        as our claim. A 429 says when to come back: do not ask again before.
        """
        body: Json = {"trader_id": str(trader_id), "authorization_details": [details]}
        if context is not None:
            body["context"] = context
        return UUID(self._post("/v1/approvals", body)["approval_id"])

    def asked(self, *, trader_id: UUID, approval_id: UUID) -> str:
        """State of what we asked: act on `approved` by redeeming, on nothing else."""
        answer = self._api.call(
            "GET",
            f"/v1/approvals/{approval_id}",
            auth=self._auth(),
            query={"trader_id": str(trader_id)},
        )
        return str(answer.body["state"])

    def take_back(self, *, trader_id: UUID, approval_id: UUID) -> None:
        self._post(f"/v1/approvals/{approval_id}/cancel", {"trader_id": str(trader_id)})

    def redeem(self, *, trader_id: UUID, approval_id: UUID) -> str:
        """The signed statement that it was approved: once. Verify it (`typ`
        tripcord-redemption+jwt, RS256, `aud` our client id) and do what it says, not what we sent.
        """
        path = f"/v1/approvals/{approval_id}/redeem"
        return str(self._post(path, {"trader_id": str(trader_id)})["statement"])

    def tree(self, token: Secret) -> list[Json]:
        """The trader's keys and grants, first page, as far as the trader lets us see them."""
        answer = self._api.call("GET", "/v1/tokens", auth=Dpop(self._key, token))
        return list(answer.body["items"])

    def register_webhook(self, url: str, events: list[str] | None = None) -> Json:
        """Be told of revokes and credential changes. Keep the key for `webhook.Receiver`."""
        body: Json = {"url": url} if events is None else {"url": url, "events": events}
        return self._post("/v1/webhooks", body)

    def introspect(self, token: Secret) -> Json:
        """RFC 7662. Ask on every privileged call; a dead and an unknown token look the same."""
        answer = self._api.call(
            "POST", "/oauth/introspect", auth=self._auth(), form={"token": token.reveal()}
        )
        return dict(answer.body)

    def revoke(self, token: Secret) -> None:
        """RFC 7009, for a grant we asked for or an access token of ours. Dead when this returns.

        It returns as well when there was nothing to revoke, and never says which.
        """
        self._api.call("POST", "/oauth/revoke", auth=self._auth(), form={"token": token.reveal()})
        if token.reveal() == self._token.reveal():
            self._renew_at = 0.0

    def ciba(self) -> CibaClient:
        """Ask for approvals by the standard; an operator has let us (`tripcord platform ciba`)."""
        return CibaClient(self._api, client_id=self._client_id, key=self._key)

    def use_key(self, key: KeyPair) -> None:
        """Authenticate with another key of ours, which the operator has registered.

        Rotation without a pause: `tripcord platform add-key`, this, `tripcord platform remove-key`.
        Access tokens of the old key end with it, so a new one is fetched on the next call.
        """
        self._key, self._renew_at = key, 0.0

    def access_token(self) -> Secret:
        """A living access token of ours: what proves who asks, for ten minutes."""
        self._auth()
        return self._token

    def _post(self, path: str, body: Json) -> Json:
        answer = self._api.call(
            "POST", path, auth=self._auth(), json=body, idempotency_key=str(uuid4())
        )
        return dict(answer.body)

    def _auth(self) -> Bearer | Dpop:
        if time.monotonic() >= self._renew_at:
            self._renew()
        return Dpop(self._bound_to, self._token) if self._bound_to else Bearer(self._token)

    def _renew(self) -> None:
        endpoint = "/oauth/token"
        assertion = self._key.client_assertion(
            client_id=self._client_id, audience=self._api.origin + endpoint
        )
        answer = self._api.call(
            "POST",
            endpoint,
            auth=Dpop(self._bound_to) if self._bound_to else None,
            form={
                "grant_type": "client_credentials",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion,
            },
        )
        lifetime_seconds = int(answer.body["expires_in"])
        self._token = Secret(answer.body["access_token"])
        self._renew_at = time.monotonic() + lifetime_seconds - _RENEW_BEFORE_SECONDS
