"""A browser that signs in: its own key, a code typed by the person, a decision on the phone.

The session token is bound to the browser's key by DPoP, so a copied token opens nothing. Neither
the code nor the tap alone is enough, and every attempt rings the trader's devices.
"""

import time
from uuid import UUID

from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Api, Dpop
from scripts.clients.keys import KeyPair

_POLL_SECONDS = 0.3


class SignInRefused(Exception):
    """Denied on the phone, expired, or never decided."""


class Browser:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._key = KeyPair.p256()
        self._trader_id = self._session_id = UUID(int=0)
        self.session_token: Secret | None = None

    def start(self, trader_id: UUID) -> UUID:
        body = {"trader_id": str(trader_id), "public_jwk": self._key.public_jwk}
        answer = self._api.call("POST", "/v1/sessions", auth=Dpop(self._key), json=body)
        self._trader_id = trader_id
        self._session_id = UUID(answer.body["session_id"])
        return self._session_id

    def prove(self, code: str) -> str:
        """Send the one-time code; returns the session's state, normally still `pending`."""
        return self._proof({"code": code})

    def number(self) -> str:
        """Four digits to show in place of asking for a code: the person types them on the phone."""
        path = f"/v1/sessions/{self._session_id}/number"
        body = {"trader_id": str(self._trader_id)}
        answer = self._api.call("POST", path, auth=Dpop(self._key), json=body)
        return str(answer.body["code"])

    def await_session(self, *, seconds: float) -> Secret:
        """Ask again, without a code, until the phone has decided.

        Raises
        ------
        SignInRefused
            The trader said no, or nobody answered in time.
        """
        deadline = time.monotonic() + seconds
        while self.session_token is None:
            state = self._proof({})
            if state in {"denied", "expired"} or time.monotonic() >= deadline:
                raise SignInRefused(f"the sign-in is {state}")
            if self.session_token is None:
                time.sleep(_POLL_SECONDS)
        return self.session_token

    def _proof(self, body: Json) -> str:
        path = f"/v1/sessions/{self._session_id}/proof"
        body = {"trader_id": str(self._trader_id), **body}
        answer = self._api.call("POST", path, auth=Dpop(self._key), json=body)
        if answer.body.get("session_token"):
            self.session_token = Secret(answer.body["session_token"])
        return str(answer.body["state"])
