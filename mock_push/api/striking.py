"""Scripted faults as an HTTP server shows them."""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

from mock_push.faults.models import Channel, Fault, Point
from mock_push.world import World

HANG_SLICE_SECONDS = 0.1

Refuse = Callable[[Fault], Exception]
"""The refusal a channel answers with."""


class LineCut(HTTPException):
    """The connection was reset; nobody reads the answer that the framework still makes."""

    status_code = 503


class Striking:
    """The faults one request may meet.

    Parameters
    ----------
    target
        The phone, mail address, chat or account; None where there is none, as for a topic.
    """

    def __init__(
        self, request: Request[Any, Any, Any], world: World, channel: Channel, target: str | None
    ) -> None:
        self._request = request
        self._world = world
        self._channel: Channel = channel
        self._target = target

    async def before_answer(self, refuse: Refuse) -> None:
        """What strikes instead of accepting; slowness first, which strikes beside another.

        Raises
        ------
        Exception
            What `refuse` makes of the fault.
        LineCut
            The connection is gone.
        """
        slow = self._strike("pace")
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        fault = self._strike("answer")
        if fault is None:
            return
        if fault.order.kind not in ("hang", "reset"):
            raise refuse(fault)
        if fault.order.kind == "hang":
            await self._hang(fault)
        await self._cut()

    async def before_reply(self) -> None:
        """What strikes after accepting: the reply is lost.

        Raises
        ------
        LineCut
            The connection is gone.
        """
        if self._strike("reply") is not None:
            await self._cut()

    def _strike(self, point: Point) -> Fault | None:
        now = self._world.clock.now()
        fault = self._world.faults.strike(self._channel, self._target, point, now=now)
        if fault is not None:
            self._world.note_fault(fault, self._channel, self._target or "")
        return fault

    async def _hang(self, fault: Fault) -> None:
        """Until the sender gives up, the fault is cleared or over, or the mock stops."""
        left = fault.seconds
        gone = asyncio.ensure_future(self._sender_gone())
        try:
            while left > 0 and fault.in_force(self._world.clock.now()):
                await asyncio.wait([gone], timeout=min(HANG_SLICE_SECONDS, left))
                if gone.done() or self._world.line.closing:
                    return
                left -= HANG_SLICE_SECONDS
        finally:
            gone.cancel()

    async def _sender_gone(self) -> None:
        await self._request.body()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    async def _cut(self) -> None:
        scope = self._request.scope
        self._world.line.cut(scope["client"], scope["server"])
        await asyncio.sleep(0)
        raise LineCut
