"""OpenID CIBA: ask a trader's phone, and hear the answer, by the standard (poll or ping).

(1) `ask`: who (the trader's id as `login_hint`), what (`authorization_details`, one typed object
    that the phone renders), and words of yours that the phone shows as your claim.
(2) wait: poll every `interval` seconds, five more after each `slow_down`; or, where an operator
    registered your endpoint, sleep until the ping and check its bearer with `auth_req_id_of`.
(3) `fetch`: once. Verify the ID token: it names you, the trader, how and when it was approved, and
    the digest of exactly what was on the phone.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from uuid import UUID

import jwt

from scripts.clients.encoding import Json, Secret, b64url, canonical_json, sha256
from scripts.clients.http import Api, Refused
from scripts.clients.keys import KeyPair

GRANT_TYPE = "urn:openid:params:grant-type:ciba"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SLOWER_SECONDS = 5.0


class PingRefused(Exception):
    """Answer 401: this ping is not ours."""


class NotWhatWasAsked(Exception):
    """The ID token does not verify, or is about something else. Nothing may be done."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under way. `auth_req_id` is worth nothing without our key."""

    auth_req_id: Secret
    expires_in: int
    interval: float


@dataclass(frozen=True, slots=True)
class Approved:
    """What the trader approved, proven. `claims` are those of the ID token."""

    claims: Json
    details: Json
    access_token: Secret


class CibaClient:
    def __init__(self, api: Api, *, client_id: str, key: KeyPair) -> None:
        self._api, self._client_id, self._key = api, client_id, key

    def ask(
        self,
        trader_id: UUID,
        *,
        details: Json | None = None,
        binding_message: str | None = None,
        user_code: str | None = None,
        requested_expiry: int | None = None,
        acr_values: str | None = None,
        notification_token: Secret | None = None,
    ) -> Asked:
        """Make the phone ring. Without `details` the trader is only asked whether it is them."""
        wanted = {
            "login_hint": str(trader_id),
            "authorization_details": None if details is None else json.dumps([details]),
            "binding_message": binding_message,
            "user_code": user_code,
            "requested_expiry": None if requested_expiry is None else str(requested_expiry),
            "acr_values": acr_values,
            "client_notification_token": (
                None if notification_token is None else notification_token.reveal()
            ),
        }
        sent = {name: value for name, value in wanted.items() if value is not None}
        body = self._post("/oauth/bc-authorize", {"scope": "openid", **sent})
        return Asked(Secret(body["auth_req_id"]), body["expires_in"], body.get("interval", 5))

    def fetch(self, asked: Asked) -> Approved | None:
        """The answer, or None while there is none. Once it was fetched it is gone.

        Raises
        ------
        Refused
            `slow_down`, `expired_token`, `access_denied` or `invalid_grant`.
        """
        form = {"grant_type": GRANT_TYPE, "auth_req_id": asked.auth_req_id.reveal()}
        try:
            body = self._post("/oauth/token", form)
        except Refused as refused:
            if refused.code == "authorization_pending":
                return None
            raise
        claims = self._verified(body["id_token"])
        (details,) = claims["authorization_details"]
        if claims["action_digest"] != b64url(sha256(canonical_json(details))):
            raise NotWhatWasAsked("the digest is of something else")
        return Approved(claims, details, Secret(body["access_token"]))

    def await_answer(self, asked: Asked) -> Approved:
        """Poll until somebody decided; raises `Refused` as `fetch` does."""
        interval = asked.interval
        while True:
            time.sleep(interval)
            try:
                if (approved := self.fetch(asked)) is not None:
                    return approved
            except Refused as refused:
                if refused.code != "slow_down":
                    raise
                interval += SLOWER_SECONDS

    def _verified(self, token: str) -> Json:
        keys = self._api.call("GET", "/.well-known/jwks.json").body["keys"]
        try:
            header = jwt.get_unverified_header(token)
            key = next(k for k in keys if k["kid"] == header.get("kid"))
            claims: Json = jwt.decode(
                token,
                jwt.PyJWK(key),
                algorithms=["RS256"],
                audience=self._client_id,
                issuer=self._api.origin,
                options={"require": ["iss", "sub", "aud", "iat", "exp", "auth_time", "acr"]},
            )
        except (jwt.InvalidTokenError, StopIteration):
            raise NotWhatWasAsked("the ID token does not verify") from None
        if header.get("typ") != "JWT":  # our other statements are signed by the same key
            raise NotWhatWasAsked("not an ID token")
        return claims

    def _post(self, path: str, form: dict[str, str]) -> Json:
        assertion = self._key.client_assertion(
            client_id=self._client_id, audience=self._api.origin + path
        )
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return dict(self._api.call("POST", path, form={**form, **proof}).body)


def auth_req_id_of(headers: Mapping[str, str], body: bytes, *, expected: Secret) -> Secret:
    """The request that a ping is about; `headers` with lower-case names. Answer 204, then fetch.

    Raises
    ------
    PingRefused
        The bearer is not the notification token that went with the request.
    """
    scheme, _, presented = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not compare_digest(
        presented.encode(), expected.reveal().encode()
    ):
        raise PingRefused
    return Secret(str(json.loads(body)["auth_req_id"]))
