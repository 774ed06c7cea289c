"""Orders and trades as the engine holds them. An `Order` changes; a `Trade` does not."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from app.sandbox.money import ZERO


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def other(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(StrEnum):
    """Whose order goes when an account would trade with itself."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A validated request. `price` is 0 for MARKET; exactly one of the two sizes is above 0."""

    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    price: Decimal = ZERO
    quantity: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER


class Order(msgspec.Struct, kw_only=True):
    """`reserved` is what the order still holds in its account's `locked`: quote for a buy,
    base for a sell. Times are milliseconds since the epoch.
    """

    symbol: str
    order_id: int
    account_id: str
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    self_trade: SelfTrade
    time: int
    update_time: int
    executed: Decimal = ZERO
    cumulative_quote: Decimal = ZERO
    reserved: Decimal = ZERO
    status: Status = Status.NEW

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        return self.status in (Status.NEW, Status.PARTIALLY_FILLED)


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One account's half of a match."""

    symbol: str
    trade_id: int
    order_id: int
    account_id: str
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool
