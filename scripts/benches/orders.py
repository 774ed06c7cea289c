"""Ready-made order requests, and a venue that takes as many as come."""

import time
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from scripts.benches import wire
from scripts.benches.service import Service
from scripts.benches.traders import MARKET, Trader
from scripts.clients.bot import LIFETIME_SECONDS
from scripts.clients.encoding import Json
from scripts.clients.http import Api, Dpop
from scripts.clients.keys import ORDER_TYP
from scripts.clients.venue import VenueSite

PATH = "/v1/orders"
_TICK = Decimal("0.01")
_AWAY = Decimal("0.95")
"""Of the last price: an immediate-or-cancel buy there never trades, so the account never moves."""


@dataclass
class OrderBook:
    """Order requests of one bot: signed outside the timing, each good for one use with us."""

    trader: Trader
    origin: str
    intent: Json
    sequence: int = field(default=0)

    def ready(self, count: int) -> list[bytes]:
        return [self._next() for _ in range(count)]

    def _next(self) -> bytes:
        self.sequence += 1
        now, key = int(time.time()), self.trader.key
        statement = key.statement(
            {
                "domain": "tripcord/order/v1",
                "trader_id": str(self.trader.trader_id),
                "grant_id": str(self.trader.grant_id),
                "sequence": self.sequence,
                "iat": now,
                "exp": now + LIFETIME_SECONDS,
                "intent": self.intent,
            },
            typ=ORDER_TYP,
        )
        proof = Dpop(key, self.trader.token).headers("POST", self.origin + PATH, None)
        headers = {"User-Agent": "bench/1", "Content-Type": "application/json", **proof}
        body = f'{{"order":"{statement}"}}'.encode("ascii")
        return wire.request(self.origin, "POST", PATH, headers, body)


def open_venue(running: Service) -> Json:
    """Switch the venue's limits off; returns the intent that every order of a benchmark has."""
    with Api(running.addresses.sandbox) as site:
        off = {"weight_per_minute": 0, "orders_per_10_seconds": 0, "orders_per_day": 0}
        site.call("POST", "/sandbox/limits", json=off)
        price = (VenueSite(site).price(MARKET) * _AWAY).quantize(_TICK, ROUND_DOWN)
    return {
        "kind": "order",
        "market": MARKET,
        "side": "buy",
        "type": "limit",
        "quantity": "0.001",
        "price": f"{price:f}",
        "time_in_force": "IOC",
    }
