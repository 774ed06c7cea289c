"""Where a request comes from, for the log: address, agent, and who is acting."""

from collections.abc import Sequence
from uuid import UUID

from app.api.address import Network, client_address
from app.api.presented import AnyRequest
from app.core.origin import Origin

_MAX_USER_AGENT = 256


class Origins:
    """`trusted_hops` are our own proxies; nobody else's word on an address is taken."""

    def __init__(self, trusted_hops: Sequence[Network]) -> None:
        self._trusted_hops = tuple(trusted_hops)

    def origin(self, request: AnyRequest, actor: str, device_id: UUID | None = None) -> Origin:
        agent = request.headers.get("user-agent")
        return Origin(
            actor=actor,
            address=self.address(request),
            user_agent=None if agent is None else _printable(agent[:_MAX_USER_AGENT]),
            device_id=device_id,
        )

    def address(self, request: AnyRequest) -> str | None:
        if request.client is None:
            return None
        lines = request.headers.getall("x-forwarded-for", [])
        return client_address(request.client.host, lines, self._trusted_hops)

    def observed(self, peer: str | None, forwarded: Sequence[str], agent: str | None) -> Origin:
        """The origin of somebody not known yet, from the plain parts of a request."""
        return Origin(
            actor="anyone",
            address=None if peer is None else client_address(peer, forwarded, self._trusted_hops),
            user_agent=None if agent is None else _printable(agent[:_MAX_USER_AGENT]),
        )


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
