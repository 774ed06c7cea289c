"""Every venue there is a case for."""

from tests.exchanges.cases.bybit import BYBIT
from tests.exchanges.cases.case import Case
from tests.exchanges.cases.kraken import KRAKEN

CASES: tuple[Case, ...] = (KRAKEN, *BYBIT)
IDS = [case.venue_id for case in CASES]
