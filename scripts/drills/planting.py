"""A trader planted beneath every grant, to redeem things of; nothing here would be believed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from app.core.ids import new_id

MAC = b"m" * 32
_FAR = datetime(2100, 1, 1, tzinfo=UTC)
_APPROVAL = """
    INSERT INTO approval (trader_id, approval_id, requester, action_type, action, digest, nonce,
                          required_strength, subject_id, state, created_at, expires_at, decided_at)
    VALUES ($1, $2, 'drill', 'trade.order', '{}', sha256('{}'), $3, 'medium', $4, $5, now(),
            now() + interval '9 minutes', CASE WHEN $5 = 'pending' THEN NULL ELSE now() END)
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """Ids of one trader's things; each grant's sequence grows."""

    trader_id: UUID = field(default_factory=new_id)
    root_id: UUID = field(default_factory=new_id)
    device_id: UUID = field(default_factory=new_id)
    factor_id: UUID = field(default_factory=new_id)
    credential_id: UUID = field(default_factory=new_id)
    grant_id: UUID = field(default_factory=new_id)
    sequences: "count[int]" = field(default_factory=lambda: count(1))

    def next_sequence(self) -> int:
        return next(self.sequences)


async def add_approval(owner: Any, ground: Ground, state: str) -> UUID:
    approval_id = new_id()
    await owner.execute(_APPROVAL, ground.trader_id, approval_id, MAC, ground.grant_id, state)
    return approval_id


async def break_ground(owner: Any) -> Ground:
    """Plant a trader with a device, an authenticator, a key and a grant."""
    g, platform_id = Ground(), new_id()
    await owner.execute("INSERT INTO platform VALUES ($1, 'drill', '{}')", platform_id)
    await owner.execute("INSERT INTO trader (trader_id, platform_id) VALUES ($1, $2)",
                        g.trader_id, platform_id)  # fmt: skip
    await owner.execute("INSERT INTO venue VALUES ('sandbox', 0) ON CONFLICT DO NOTHING")
    for kind, token_id, parent in (
        ("trader", g.root_id, None), ("device", g.device_id, g.root_id),
        ("credential", g.credential_id, g.root_id), ("grant", g.grant_id, g.credential_id),
    ):  # fmt: skip
        secret = MAC if kind == "device" else None
        await owner.execute(
            "SELECT mint_token($1, $2, $3, $4, $5, $6, '{}', 'drill', $7)",
            *(g.trader_id, token_id, kind, parent, secret, "k" if secret else None, _FAR),
        )
    await owner.execute("INSERT INTO device VALUES ($1, $2, $3, '{}', 'drill', now(), 1, $4)",
                        g.trader_id, g.device_id, g.root_id, MAC)  # fmt: skip
    await owner.execute(
        "INSERT INTO totp_factor VALUES ($1, $2, $3, $4, 'SHA1', 6, 30, 'drill', now(), 1, $5)",
        *(g.trader_id, g.factor_id, g.root_id, g.device_id, MAC),
    )
    await owner.execute("INSERT INTO wrapped_seed VALUES ($1, $2, '-', '-', $3)",
                        g.trader_id, g.factor_id, MAC)  # fmt: skip
    await owner.execute("INSERT INTO totp_state (trader_id, factor_id) VALUES ($1, $2)",
                        g.trader_id, g.factor_id)  # fmt: skip
    await _add_grant(owner, g)
    return g


async def _add_grant(owner: Any, g: Ground) -> None:
    linked = await add_approval(owner, g, "approved")
    await owner.execute(
        "INSERT INTO exchange_credential VALUES ($1, $2, $3, $4, $5, 'sandbox', 'key',"
        " 'hmac-sha256', 'drill', $6, 'active', NULL, NULL, $7, $8, now(), 1, $6)",
        *(g.trader_id, g.credential_id, g.root_id, [g.root_id, g.credential_id], g.device_id, MAC),
        *(datetime.now(UTC), linked),
    )
    granted = await add_approval(owner, g, "approved")
    await owner.execute(
        "INSERT INTO bot_grant VALUES ($1, $2, $3, $4, $5, $6, '{}', '{}', $7, now(), 1, $8)",
        *(g.trader_id, g.grant_id, g.root_id, [g.root_id, g.credential_id, g.grant_id]),
        *(g.credential_id, granted, datetime.now(UTC) + timedelta(days=1), MAC),
    )
