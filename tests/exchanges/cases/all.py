"""Every venue there is a case for."""

from tests.exchanges.cases.binance_futures import FUTURES
from tests.exchanges.cases.binance_us import BINANCE_US
from tests.exchanges.cases.bingx import BINGX
from tests.exchanges.cases.bitget import BITGET
from tests.exchanges.cases.bitmex import BITMEX
from tests.exchanges.cases.bitvavo import BITVAVO
from tests.exchanges.cases.bybit import BYBIT
from tests.exchanges.cases.case import Case
from tests.exchanges.cases.coinbase import COINBASE
from tests.exchanges.cases.kraken import KRAKEN
from tests.exchanges.cases.okx import OKX
from tests.exchanges.cases.onetrading import ONETRADING

CASES: tuple[Case, ...] = (
    KRAKEN,
    *BYBIT,
    OKX,
    COINBASE,
    *FUTURES,
    BINANCE_US,
    BITGET,
    BINGX,
    BITVAVO,
    ONETRADING,
    BITMEX,
)
IDS = [case.venue_id for case in CASES]
