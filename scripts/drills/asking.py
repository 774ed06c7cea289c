"""What clients of drills ask for: bodies and signed statements, as the real clients make them."""

import time

from scripts.clients.keys import ORDER_TYP, KeyPair
from scripts.drills.traders import MARKET, QUOTE, Bearer, Trader

_ORDER_SECONDS = 25
SMALL = "100"
"""To this an order limit is narrowed; each order of the drills is worth 500."""


def order_statement(trader: Trader, bot: Bearer, sequence: int) -> str:
    now = int(time.time())
    return bot.key.statement(
        {
            "domain": "tripcord/order/v1",
            "trader_id": str(trader.trader_id),
            "grant_id": str(bot.path[-1]),
            "sequence": sequence,
            "iat": now,
            "exp": now + _ORDER_SECONDS,
            "intent": {
                "kind": "order",
                "market": MARKET,
                "side": "buy",
                "type": "limit",
                "quantity": "0.01",
                "price": "50000.00",
                "time_in_force": "GTC",
            },
        },
        typ=ORDER_TYP,
    )


def new_grant(trader: Trader) -> dict[str, object]:
    money = {"amount": "10", "quote": "USDT"}
    return {
        "kind": "grant",
        "trader_id": str(trader.trader_id),
        "parent_id": str(trader.key_path[-1]),
        "public_jwk": KeyPair.ed25519().public_jwk,
        "model": {"name": "child", "digest": "d", "version": "1"},
        "markets": [MARKET],
        "allocation": money,
        "free_limit": money,
        "max_order": money,
    }


def narrow_statement(trader: Trader, bot: Bearer) -> str:
    """The phone's word: a bot that was never narrowed places no order as large as ours again."""
    return trader.phone.key.statement(
        {
            "domain": "tripcord/narrow/v1",
            "trader_id": str(trader.trader_id),
            "device_id": str(trader.phone.path[-1]),
            "token_id": str(bot.path[-1]),
            "version": 1,
            "limits": {"max_order": {"amount": SMALL, "quote": QUOTE}},
            "iat": int(time.time()),
        }
    )
