"""A trading bot: one model key, one grant, signed orders with a growing sequence.

It never holds an exchange key. What it signs is an intent; the venue request is built, checked
and signed by Tripcord. A grant token copied to another machine is worth nothing without the key.
"""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Api, Dpop, Refused
from scripts.clients.keys import ORDER_TYP, Jwk, KeyPair
from scripts.clients.screens import number_to_show, submit_code
from scripts.clients.tokens import GrantRequest, grant_from

LIFETIME_SECONDS = 30
"""The longest an order may be on its way (it is checked on arrival)."""

_POLL_SECONDS = 0.2
_TRIES = 5
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Submitted:
    order_id: UUID
    state: str
    """`released`: signed and on its way. `held`: the trader is asked; send nothing again."""

    approval_id: UUID | None


class OrderStuck(Exception):
    """The order did not reach one of the expected states in time."""


def limit_order(*, market: str, side: str, quantity: str, price: str) -> Json:
    """Intent of a resting limit order; `market` is the venue's own id, amounts are decimals."""
    return {
        "kind": "order",
        "market": market,
        "side": side,
        "type": "limit",
        "quantity": quantity,
        "price": price,
        "time_in_force": "GTC",
    }


class Bot:
    def __init__(self, api: Api) -> None:
        self._api = api
        self.key = KeyPair.ed25519()
        self._trader_id = self._grant_id = UUID(int=0)
        self._auth = Dpop(self.key)
        self._sequence = 0

    def use_grant(self, *, trader_id: UUID, grant_id: UUID, token: Secret) -> None:
        self._trader_id, self._grant_id = trader_id, grant_id
        self._auth = Dpop(self.key, token)

    def renew_token(self) -> None:
        """Take a new secret for the same grant; the old one dies with the first use of it."""
        path = f"/v1/tokens/{self._grant_id}/rotate"
        answer = self._api.call("POST", path, auth=self._auth)
        self._auth = Dpop(self.key, Secret(answer.body["token"]))

    def request_grant(self, *, model_jwk: Jwk, model: Json, **limits: Any) -> GrantRequest:
        """Ask the trader for a grant beneath ours, for another model with a key of its own.

        What `limits` leave out is ours; more than ours is refused.
        """
        body = {
            "kind": "grant",
            "trader_id": str(self._trader_id),
            "parent_id": str(self._grant_id),
            "public_jwk": model_jwk,
            "model": model,
            **limits,
        }
        answer = self._api.call("POST", "/v1/tokens", auth=self._auth, json=body)
        return grant_from(answer.body)

    def submit(self, intent: Json) -> Submitted:
        """Sign one order and send it.

        The sequence number is spent even if the answer is lost: sending the same statement again
        is safe and returns the first outcome, a second order under the same number is refused.
        A refusal that says when to come back is obeyed a few times, with a new number each time.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._submit_once(intent)
            except Refused as refused:
                if refused.status != _UNAVAILABLE or not refused.retry_after_seconds:
                    raise
                time.sleep(refused.retry_after_seconds)
        return self._submit_once(intent)

    def _submit_once(self, intent: Json) -> Submitted:
        self._sequence += 1
        now = int(time.time())
        statement = self.key.statement(
            {
                "domain": "tripcord/order/v1",
                "trader_id": str(self._trader_id),
                "grant_id": str(self._grant_id),
                "sequence": self._sequence,
                "iat": now,
                "exp": now + LIFETIME_SECONDS,
                "intent": intent,
            },
            typ=ORDER_TYP,
        )
        answer = self._api.call("POST", "/v1/orders", auth=self._auth, json={"order": statement})
        body = answer.body
        approval_id = body.get("approval_id")
        return Submitted(
            UUID(body["order_id"]), body["state"], UUID(approval_id) if approval_id else None
        )

    def number(self, approval_id: UUID) -> str:
        """Four digits to show beside a held order; the trader types them on the phone."""
        return number_to_show(self._api, self._auth, approval_id, self._trader_id)

    def submit_code(self, approval_id: UUID, code: str) -> Json:
        """What the trader typed here, read off the phone."""
        return submit_code(self._api, self._auth, approval_id, self._trader_id, code)

    def order(self, order_id: UUID) -> Json:
        return dict(self._api.call("GET", f"/v1/orders/{order_id}", auth=self._auth).body)

    def await_order(self, order_id: UUID, states: set[str], *, seconds: float) -> Json:
        """Poll one order until it is in one of `states`."""
        deadline = time.monotonic() + seconds
        while (order := self.order(order_id))["state"] not in states:
            if time.monotonic() >= deadline:
                raise OrderStuck(f"the order is still {order['state']} after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        return order
