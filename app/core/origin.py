"""Where a request came from, for the access log and for notices."""

from uuid import UUID

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Authenticated or plainly observed facts about a request; never what it claims of itself.

    `address` is the client's IP after trusted hops only; `actor` the public half of who asks
    ("device:…", "platform:…", "grant:…", "card:…", "anyone").
    """

    actor: str
    address: str | None = None
    user_agent: str | None = None
    device_id: UUID | None = None
