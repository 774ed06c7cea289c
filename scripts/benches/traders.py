"""Traders made as anybody makes them, through the public API: phone, factor, key, grant, bot."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from scripts.benches.service import Service
from scripts.clients.approvals import Decision
from scripts.clients.encoding import Secret
from scripts.clients.http import Api
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from scripts.clients.platform import Money, Platform
from scripts.clients.venue import VenueKey, VenueSite

VENUE, MARKET, QUOTE = "sandbox", "BTCUSDT", "USDT"
_FUNDS = {QUOTE: "1000000000"}
_RIGHTS = {"enableReading": True, "enableSpotAndMarginTrading": True}
_ALLOCATION = Money("1000000000", QUOTE)
"""A day's notional: never the reason why an order of a benchmark is refused."""

_FREE = Money("1000", QUOTE)
_WAIT_SECONDS = 60.0
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Trader:
    """A trader with one live grant. `key` is the bot's, `venue_key` the venue's own copy."""

    trader_id: UUID
    grant_id: UUID
    token: Secret
    key: KeyPair
    venue_key: VenueKey


class Desk:
    """One platform and the sandbox's site: where traders come from."""

    def __init__(self, service: Service) -> None:
        self._addresses = service.addresses
        key = KeyPair.p256()
        self._client_id = service.stack.add_platform("bench", key)
        self._key = key

    def platform(self, api: Api) -> Platform:
        return Platform(api, client_id=self._client_id, key=self._key)

    def phones(self, count: int) -> list[Phone]:
        """Enrolled phones, each of a trader of its own, and nothing else."""
        with Api(self._addresses.api) as api:
            platform = self.platform(api)
            phones = [Phone(name="Bench phone", inbox=None) for _ in range(count)]
            for phone in phones:
                phone.enrol(platform.create_trader().enrolment_uri.reveal())
        return phones

    def traders(self, count: int) -> list[Trader]:
        """Traders with a live grant, a few made at a time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda _: self._trader(), range(count)))

    def _trader(self) -> Trader:
        with Api(self._addresses.api) as api, Api(self._addresses.sandbox) as site:
            platform = self.platform(api)
            phone = Phone(name="Bench phone", inbox=None)
            trader_id = phone.enrol(platform.create_trader().enrolment_uri.reveal()).trader_id
            phone.enrol_totp(label="Bench")
            venue_key = VenueSite(site).make_key(permissions=_RIGHTS, balances=_FUNDS)
            credential_id = _link(phone, venue_key)
            bot_key = KeyPair.ed25519()
            grant = platform.request_grant(
                trader_id=trader_id,
                credential_id=credential_id,
                model_jwk=bot_key.public_jwk,
                model={"name": "Bench", "digest": "sha256:" + "0" * 64, "version": "1"},
                markets=[MARKET],
                allocation=_ALLOCATION,
                free_limit=_FREE,
                max_order=_FREE,
            )
            _approve(phone, "bot_grant/1")
            phone.close()
            return Trader(trader_id, grant.token_id, grant.token, bot_key, venue_key)


def _link(phone: Phone, key: VenueKey) -> UUID:
    credential_id = phone.link_key(
        venue=VENUE, api_key_id=key.api_key_id, secret=key.secret, label="Bench"
    )
    phone.await_credential(
        credential_id, until=lambda view: view["approval_id"] is not None, seconds=_WAIT_SECONDS
    )
    _approve(phone, "key_link/1")
    phone.await_credential(
        credential_id, until=lambda view: view["state"] == "active", seconds=_WAIT_SECONDS
    )
    return credential_id


def _approve(phone: Phone, template: str) -> None:
    prompt = phone.await_approval(template=template, seconds=_WAIT_SECONDS)
    phone.decide(prompt, Decision.APPROVE)
