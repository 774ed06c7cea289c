"""What a client asks, what is kept of it, and what it is told."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from app.core.secret import Secret
from app.guardrails.strength import Strength

GRANT_TYPE: Final = "urn:openid:params:grant-type:ciba"
SCOPE: Final = "openid"

INTERVAL_SECONDS: Final = 5
"""Between polls; CIBA section 7.3's own default. As much is added by each that comes too soon."""

Hint = Literal["login_hint", "login_hint_token", "id_token_hint"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed authentication request. `least` is what `acr_values` asks for at least."""

    hint: Hint
    hint_value: str
    details: dict[str, Any]
    binding_message: str | None
    user_code: Secret | None
    life: timedelta
    least: Strength | None
    notification_token: Secret | None


class CibaRequest(msgspec.Struct, frozen=True, kw_only=True):
    trader_id: UUID
    approval_id: UUID
    platform_id: UUID
    auth_req_hash: bytes


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """One leased ping. `endpoint` is None where the client has none any more."""

    trader_id: UUID
    message_id: UUID
    approval_id: UUID
    platform_id: UUID
    endpoint: str | None
    auth_req_id: Secret
    notification_token: Secret
    attempts: int
    failures: int
    expires_at: datetime
