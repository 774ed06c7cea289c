"""One pass through ccxt with a sentinel where the signature goes.

ccxt's `sign` is synchronous and our HSM is an await away, so ccxt signs with random bytes that we
recognise, and the real signature takes their place afterwards (`attaching`). ccxt never holds a
secret, never opens a connection, never asks the clock, and gets to make one request.
"""

import json
import secrets
from collections.abc import Callable
from typing import Any, Literal

from app.exchanges.errors import RequestRefused
from app.exchanges.models import Method, Unsigned
from app.exchanges.recording import HANDLE, Recording, RequestSeen, Tape

_METHODS: dict[str, Method] = {"GET": "GET", "POST": "POST", "DELETE": "DELETE"}
_MAX_MARKETS = 512

Markets = tuple[str, dict[str, Any], dict[str, Any]]
"""ccxt's symbol, `markets` and `markets_by_id` of one snapshot."""
Describe = Callable[[Any], dict[str, Any]]
"""A venue's raw entry to the market that ccxt gets to know."""


class Recorder:
    """One ccxt instance of one venue, reused for all its markets and keys.

    Not for threads: nothing in here awaits, so on one event loop no two passes overlap. A second
    pass inside the first is refused.
    """

    def __init__(
        self,
        base: type[Any],
        *,
        venue: str,
        origin: str,
        options: dict[str, Any],
        describe: Describe | None = None,
        without_headers: tuple[str, ...] = (),
        other_hosts: tuple[tuple[str, str], ...] = (),
        clear: Literal["passphrase", "bearer"] | None = None,
    ) -> None:
        """`describe` makes ccxt's market from a raw entry (default: ccxt's own `parse_market`).

        `without_headers` are broker tags, which ccxt adds unsigned and we leave out on purpose.
        `other_hosts` are the few paths, by prefix, that the venue serves elsewhere.
        `clear` says that a secret goes into a header besides the signature, or in its place.
        """
        self._venue = venue
        self._describe = describe
        self._without_headers = without_headers
        self._places = [(f"{host}{prefix}", host) for prefix, host in other_hosts]
        self._places.append((f"{origin}/", origin))
        self._clear = clear
        config = {
            "apiKey": "",
            "secret": HANDLE,
            "enableRateLimit": False,
            "verbose": False,
            "options": options,
        }
        kind: Any = type(f"Recording{base.__name__.title()}", (Recording, base), {})
        self._exchange = kind(config)
        self._exchange.session = None  # there is nothing to connect with
        self._markets: dict[tuple[str, bytes], Markets] = {}

    def record(
        self,
        call: Callable[[Any, str | None], object],
        *,
        api_key_id: str,
        now_ms: int,
        snapshot: tuple[str, bytes] | None,
    ) -> Unsigned:
        """Run `call(exchange, symbol)` and return the one request it made.

        `snapshot` is market id and raw entry of the only market ccxt gets to know.
        """
        exchange, tape = self._exchange, Tape(now_ms, _clear_sentinel() if self._clear else "")
        if exchange._tape is not None:  # noqa: SLF001 - our own subclass
            raise RequestRefused(rule="re_entered")
        symbol, by_symbol, by_id = self._market(snapshot) if snapshot else (None, {}, {})
        exchange.markets, exchange.markets_by_id = by_symbol, by_id
        exchange.apiKey = tape.clear if self._clear == "bearer" else api_key_id
        exchange.password, exchange._tape = tape.clear, tape  # noqa: SLF001
        try:
            call(exchange, symbol)
        except RequestSeen:
            return self._unsigned(tape)
        except RequestRefused:
            raise
        except Exception:  # noqa: BLE001 - whatever ccxt dislikes, we do not sign
            raise RequestRefused(rule="ccxt") from None
        finally:
            exchange.apiKey, exchange.password, exchange._tape = "", "", None  # noqa: SLF001
        raise RequestRefused(rule="no_request")

    def _unsigned(self, tape: Tape) -> Unsigned:
        if self._clear == "bearer" and tape.algorithm is None:
            tape.algorithm = "bearer"
        if tape.request is None or tape.algorithm is None:
            raise RequestRefused(rule="no_signature")
        url, method, headers, body = tape.request
        host = next((host for start, host in self._places if url.startswith(start)), None)
        if method not in _METHODS or host is None:
            raise RequestRefused(rule="origin")
        return Unsigned(
            venue=self._venue,
            method=_METHODS[method],
            path_and_query=url.removeprefix(host),
            headers=tuple(
                (name, value)
                for name, value in headers.items()
                if name not in self._without_headers
            ),
            body=body.encode(),
            message=tape.message,
            algorithm=tape.algorithm,
            sentinel=tape.sentinel,
            clear_sentinel=tape.clear,
        )

    def _market(self, snapshot: tuple[str, bytes]) -> Markets:
        known = self._markets.get(snapshot)
        if known is None:
            known = self._parse(*snapshot)
            if len(self._markets) >= _MAX_MARKETS:
                self._markets.pop(next(iter(self._markets)))  # the oldest
            self._markets[snapshot] = known
        return known

    def _parse(self, market: str, raw: bytes) -> Markets:
        exchange = self._exchange
        try:
            describe = self._describe or exchange.parse_market
            entry = describe(json.loads(raw))
            exchange.currencies = {}
            exchange.set_markets([entry])
            symbol: str = exchange.markets_by_id[market][0]["symbol"]
        except Exception:  # noqa: BLE001 - a snapshot ccxt cannot read is no snapshot
            raise RequestRefused(rule="snapshot") from None
        return symbol, exchange.markets, exchange.markets_by_id


def _clear_sentinel() -> str:
    return "tripcord-clear-" + secrets.token_hex(16)
