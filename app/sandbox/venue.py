"""The venue as one object: exchange, house, keys, limits and faults."""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from app.sandbox.account import Account
from app.sandbox.engine import Exchange
from app.sandbox.faults import FaultBoard
from app.sandbox.house import House
from app.sandbox.keys import ApiKey, Kind, Restrictions, random_text
from app.sandbox.limits import Limits, Meter
from app.sandbox.markets import ASSETS, MARKETS
from app.sandbox.money import PLACES, places

MAX_CREDIT = Decimal(10) ** 12  # keeps every product inside the decimal context's 28 digits


class UnknownKey(Exception):
    """The admin surface named a key or an account the venue does not have."""


class AdminRequestRefused(Exception):
    """The admin surface asked for something the venue cannot be."""


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Venue:
    def __init__(self, *, seed: int, limits: Limits, clock: Callable[[], int] = wall_clock) -> None:
        self.clock = clock
        self.exchange = Exchange(MARKETS, clock=clock)
        self.house = House(self.exchange, seed=seed)
        self.keys: dict[str, ApiKey] = {}
        self.meter = Meter(limits)
        self.faults = FaultBoard()

    def create_key(
        self,
        *,
        kind: Kind,
        public_key_pem: str | None = None,
        account_id: str | None = None,
        permissions: Mapping[str, object],
        ip_list: tuple[str, ...] = (),
        balances: Mapping[str, Decimal],
    ) -> tuple[ApiKey, str | None]:
        """A key on a new account, or another one on `account_id`; the HMAC secret only here."""
        secret = random_text() if kind is Kind.HMAC else None
        if (public_key_pem is None) is not (kind is Kind.HMAC):
            raise AdminRequestRefused("public_key_pem goes with ed25519 and rsa, only")
        created = msgspec.structs.replace(Restrictions(), create_time=self.clock())
        key_text = random_text()
        check_credits(balances)
        try:
            key = ApiKey(
                api_key=key_text,
                account_id="",
                kind=kind,
                material=secret or public_key_pem or "",
                restrictions=changed(created, permissions),
                ip_list=ip_list,
            )
        except ValueError as malformed:
            raise AdminRequestRefused(str(malformed)) from malformed
        account = self.exchange.open_account() if account_id is None else self._account(account_id)
        key.account_id = account.account_id
        for asset, amount in balances.items():
            self.exchange.credit(account, asset, amount)
        self.keys[key_text] = key
        return key, secret

    def key(self, api_key: str) -> ApiKey:
        key = self.keys.get(api_key)
        if key is None:
            raise UnknownKey(api_key)
        return key

    def change_key(
        self,
        api_key: str,
        *,
        permissions: Mapping[str, object],
        ip_list: tuple[str, ...] | None = None,
    ) -> ApiKey:
        """Drift: the trader changed the key on the venue's own page."""
        key = self.key(api_key)
        key.restrictions = changed(key.restrictions, permissions)
        if ip_list is not None:
            key.ip_list = ip_list
        return key

    def delete_key(self, api_key: str) -> None:
        """The account and its orders stay, as at the venue."""
        del self.keys[self.key(api_key).api_key]

    def account_of(self, key: ApiKey) -> Account:
        return self.exchange.accounts[key.account_id]

    def _account(self, account_id: str) -> Account:
        # Only accounts that have (or had) keys: the house and the fees are nobody's.
        account = self.exchange.accounts.get(account_id)
        if account is None or not account_id.isdecimal():
            raise UnknownKey(account_id)
        return account


def changed(restrictions: Restrictions, overrides: Mapping[str, object]) -> Restrictions:
    """`restrictions` with some of its fields, named as on the wire, set anew."""
    try:
        return msgspec.convert({**msgspec.to_builtins(restrictions), **overrides}, Restrictions)
    except msgspec.ValidationError as unknown:
        raise AdminRequestRefused(str(unknown)) from unknown


def check_credits(balances: Mapping[str, Decimal]) -> None:
    for asset, amount in balances.items():
        if asset not in ASSETS:
            raise AdminRequestRefused(f"no asset {asset}")
        if not amount.is_finite() or not 0 <= amount <= MAX_CREDIT or places(amount) > PLACES:
            raise AdminRequestRefused(f"not an amount of {asset}")
