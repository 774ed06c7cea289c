"""The trader at the sandbox venue's web site: makes API keys, looks at the account.

Nothing of this goes through Tripcord; it is the venue's own word on what happened.
"""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote

from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Api


@dataclass(frozen=True, slots=True)
class VenueKey:
    api_key_id: str
    secret: Secret
    """Shown once by the venue; the phone seals it and forgets it."""


class VenueSite:
    def __init__(self, site: Api) -> None:
        self._site = site

    def make_key(self, *, permissions: dict[str, bool], balances: dict[str, str]) -> VenueKey:
        """Open an account with these balances and make an HMAC key with these rights."""
        body: Json = {"kind": "hmac", "permissions": permissions, "balances": balances}
        made = self._site.call("POST", "/sandbox/keys", json=body).body
        return VenueKey(made["api_key"], Secret(made["secret"]))

    def open_orders(self, api_key_id: str) -> list[Json]:
        """The account's open orders in the venue's own words."""
        path = f"/sandbox/accounts/{quote(api_key_id, safe='')}"
        return list(self._site.call("GET", path).body["open_orders"])

    def price(self, market: str) -> Decimal:
        """Last price from the public ticker."""
        answer = self._site.call("GET", "/api/v3/ticker/price", query={"symbol": market})
        return Decimal(answer.body["price"])
