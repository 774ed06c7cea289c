"""/v1/leaks: tokens somebody found in public, and the pattern to find them by."""

import asyncio
from math import ceil

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.accesslog.models import SYSTEM_TRADER, Entry, Event
from app.api import shapes_tree
from app.api.edge import AnyRequest
from app.api.errors import TooManyRequests
from app.api.services import Services
from app.core import token
from app.core.token import SCANNER_PATTERN, Token, TokenKind, TokenMalformed
from app.tokens import nodes
from app.tokens import store as tokens

_KILLED = (TokenKind.DEVICE, TokenKind.SESSION, TokenKind.GRANT, TokenKind.PLATFORM)
_ENDED = (TokenKind.CARD, TokenKind.RECEIPT, TokenKind.ENROL)
"""What acts for nobody. A report of one revokes nothing: it must never be a weapon."""
_CHECKSUM = (
    "The last 6 characters are the CRC-32 (IEEE) of everything before them, as 4 big-endian bytes"
    " in base62 (0-9A-Za-z), padded with 0 on the left."
)


class LeakController(Controller):
    tags = ("leaks",)

    @get("/.well-known/tripcord-token-pattern")
    async def pattern(self, services: NamedDependency[Services]) -> shapes_tree.TokenPattern:
        """What secret scanners look for, and where they tell of it."""
        return shapes_tree.TokenPattern(
            pattern=SCANNER_PATTERN,
            checksum=_CHECKSUM,
            report_to=f"{services.public_origin}/v1/leaks",
        )

    @post("/v1/leaks", status_code=202)
    async def report(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_tree.Leaks],
        services: NamedDependency[Services],
    ) -> shapes_tree.LeaksTaken:
        """Revoke what was found, with everything beneath it, before this answers.

        A receipt or an enrolment code ends at once and revokes nothing. A revocation card goes on
        for 24 hours, like one its owner removes, and every phone is told: whoever found it could
        pull it anyway, and nobody takes the last way to pull away by a report.

        The answer is the same whatever was found: who asks whether a token lives has ended it.
        What may be under way at once is bounded (`shedding`), and so is what was none of our
        living tokens, per address: 429, and what stands before it in the report was dealt with.
        """
        address, loop = services.edge.address(request), asyncio.get_running_loop()
        for leak in data.leaks:
            if wait := services.leak_misses.wait_seconds(address, loop.time()):
                raise TooManyRequests(retry_after_seconds=ceil(wait))
            if not await _end(services, request, leak):
                services.leak_misses.spend(address, loop.time())
        return shapes_tree.LeaksTaken(received=len(data.leaks))


async def _end(services: Services, request: AnyRequest, leak: shapes_tree.Leak) -> bool:
    """End what was found; False where that is nothing of ours that lives."""
    try:
        found: Token | None = token.parse(leak.token, *_KILLED, *_ENDED, TokenKind.CLIENT)
    except TokenMalformed:
        found = None
    if found is None or not await _revoked(services, request, found):
        await services.edge.log_miss(
            request, None if found is None else found.token_id, rule="leak_unknown"
        )
        return False
    # The fence's own entry is on the trader's chain; where it was found, the system's chain says.
    await services.read_log.append(
        Entry(
            trader_id=SYSTEM_TRADER,
            event=Event.LEAK_REPORTED,
            origin=services.edge.origin(request, "anyone"),
            subject_id=found.token_id,
            rule=None if leak.url is None else _where(leak.url),
        )
    )
    return True


async def _revoked(services: Services, request: AnyRequest, found: Token) -> bool:
    if found.kind is TokenKind.CLIENT:
        origin = services.edge.origin(request, "leak")
        return await services.platforms.end_access_token(found, origin)
    if found.kind in _ENDED:
        origin = services.edge.origin(request, "leak")
        async with services.db.transaction() as tx:
            return await tokens.end_leaked(
                tx,
                found.kind.value,
                found.trader_id,
                found.token_id,
                found.secret_hash(),
                origin,
            )
    async with services.db.session() as tx:
        live = await nodes.is_live(
            tx, found.trader_id, found.token_id, found.kind.value, found.secret_hash()
        )
    if live:
        await services.revocations.revoke(
            found.trader_id,
            found.token_id,
            reason="leaked",
            origin=services.edge.origin(request, "leak"),
        )
    return live


def _where(url: str) -> str:
    """The place as told, without anything that could be the token itself."""
    place = url.partition("?")[0].partition("#")[0]
    return "".join(c for c in place if c.isprintable())[:256] if "tc_" not in place else "elsewhere"
