"""What the operator does to platforms, each in one transaction with its log entry.

A key is named for good by its `kid` and by its thumbprint: once removed, neither comes back. Access
tokens end with the key they came from, in the same commit; `issue_client_token` waits for the
platform's row, so none is issued in between.
"""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from app.accesslog import store as log
from app.accesslog.models import LOCKED_CHAIN, SYSTEM_TRADER, Entry, Event
from app.core.ids import new_id
from app.core.jose import jwk_thumbprint, public_jwk
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.platforms import store
from app.platforms.errors import KeyRefused, PlatformNotFound
from app.platforms.models import KEY_ALGORITHMS, MAX_KEYS, Platform, key_id

Keys = Sequence[dict[str, Any]]
_OPERATOR = Origin(actor="operator")


class PlatformRegistry:
    """`db` is the operator role's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def register(self, name: str, keys: Keys) -> UUID:
        """A new platform; its client id.

        Raises
        ------
        KeyRefused
            Two keys of one name, or too many.
        """
        _check(keys, [])
        platform_id = new_id()
        async with self._db.transaction() as tx:
            await store.insert(tx, platform_id, name, {"keys": list(keys)})
            await _log(tx, Event.PLATFORM_REGISTERED, platform_id)
        return platform_id

    async def platforms(self) -> list[Platform]:
        async with self._db.session() as tx:
            return await store.list_all(tx)

    async def add_keys(self, platform_id: UUID, keys: Keys) -> None:
        """Further keys, beside those there are.

        Raises
        ------
        PlatformNotFound, KeyRefused
            Not there, or disabled; a key that was there before, is there, or is one too many.
        """
        async with self._db.transaction() as tx:
            platform = await _locked(tx, platform_id)
            kept = [*platform.jwks["keys"], *keys]
            _check(kept, platform.retired_key_ids)
            await store.set_keys(tx, platform_id, kept, platform.retired_key_ids)
            for jwk in keys:
                await _log(tx, Event.PLATFORM_KEY_ADDED, platform_id, key_id(jwk))

    async def remove_key(self, platform_id: UUID, name: str) -> None:
        """End a key by its `kid` or thumbprint, and every access token that came from it.

        Raises
        ------
        PlatformNotFound, KeyRefused
            Not there, or disabled; no key of this name, or the last: to end all, disable.
        """
        async with self._db.transaction() as tx:
            platform = await _locked(tx, platform_id)
            kept = [jwk for jwk in platform.jwks["keys"] if name not in _names(jwk)]
            if not kept or len(kept) == len(platform.jwks["keys"]):
                raise KeyRefused(rule=name)
            await _replace(tx, platform, kept)

    async def rotate(self, platform_id: UUID, keys: Keys) -> None:
        """New keys instead of all there are, at once.

        Raises
        ------
        PlatformNotFound, KeyRefused
            As for `add_keys`.
        """
        async with self._db.transaction() as tx:
            platform = await _locked(tx, platform_id)
            retired = [name for jwk in platform.jwks["keys"] for name in _names(jwk)]
            _check(keys, [*platform.retired_key_ids, *retired])
            await _replace(tx, platform, list(keys))
            for jwk in keys:
                await _log(tx, Event.PLATFORM_KEY_ADDED, platform_id, key_id(jwk))

    async def set_ciba(
        self,
        platform_id: UUID,
        delivery: Literal["poll", "ping"] | None,
        endpoint: str | None = None,
    ) -> None:
        """How the platform hears of decisions (CIBA): `endpoint` goes with `ping`, None ends it.

        Whoever calls has checked the endpoint's text; the sender checks each address itself.

        Raises
        ------
        PlatformNotFound
            Not there, or disabled.
        """
        async with self._db.transaction() as tx:
            await _locked(tx, platform_id)
            await store.set_ciba(tx, platform_id, delivery, endpoint)
            await _log(tx, Event.PLATFORM_CIBA_SET, platform_id, delivery or "off")

    async def disable(self, platform_id: UUID) -> None:
        """End a platform: it authenticates no more, and its access tokens are gone.

        Raises
        ------
        PlatformNotFound
            Not there, or disabled already.
        """
        async with self._db.transaction() as tx:
            await _locked(tx, platform_id)
            await store.disable(tx, platform_id)
            await store.end_tokens(tx, platform_id, None)
            await _log(tx, Event.PLATFORM_DISABLED, platform_id)


async def _locked(tx: Tx, platform_id: UUID) -> Platform:
    """The platform, its row locked in a statement of its own before it is read."""
    await store.lock(tx, platform_id)
    platform = await store.get(tx, platform_id)
    if platform is None or platform.disabled_at is not None:
        raise PlatformNotFound
    return platform


async def _replace(tx: Tx, platform: Platform, kept: list[dict[str, Any]]) -> None:
    names = {key_id(jwk) for jwk in kept}
    gone = [jwk for jwk in platform.jwks["keys"] if key_id(jwk) not in names]
    retired = [*platform.retired_key_ids, *(name for jwk in gone for name in _names(jwk))]
    await store.set_keys(tx, platform.platform_id, kept, retired)
    for jwk in gone:
        await store.end_tokens(tx, platform.platform_id, key_id(jwk))
        await _log(tx, Event.PLATFORM_KEY_REMOVED, platform.platform_id, key_id(jwk))


def _names(jwk: dict[str, Any]) -> tuple[str, ...]:
    """What may name a key: its `kid`, where it has one, and its thumbprint."""
    return tuple(dict.fromkeys((key_id(jwk), jwk_thumbprint(public_jwk(jwk, *KEY_ALGORITHMS)))))


def _check(keys: Keys, retired: Sequence[str]) -> None:
    if not 0 < len(keys) <= MAX_KEYS:
        raise KeyRefused(rule=f"1 to {MAX_KEYS} keys")
    seen = set(retired)
    for jwk in keys:
        for name in _names(jwk):
            if name in seen:
                raise KeyRefused(rule=name)
        seen.update(_names(jwk))


async def _log(tx: Tx, event: Event, platform_id: UUID, rule: str | None = None) -> None:
    await log.append(
        tx,
        LOCKED_CHAIN,
        Entry(
            trader_id=SYSTEM_TRADER,
            event=event,
            origin=_OPERATOR,
            subject_id=platform_id,
            rule=rule,
        ),
    )
