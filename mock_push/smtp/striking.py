"""Scripted faults as an SMTP server shows them."""

import asyncio

from mock_push.faults.models import Fault, Point
from mock_push.mail.boxes import box_name
from mock_push.smtp.channel import Channel
from mock_push.smtp.commands import Refused
from mock_push.world import World

HANG_SLICE_SECONDS = 0.1

REPLIES = {
    "mailbox_busy": "450 4.2.1 The user you are trying to contact is receiving mail too quickly",
    "no_such_mailbox": "550 5.1.1 The email account that you tried to reach does not exist",
}
UNAVAILABLE = "421 4.3.2 Service not available, closing transmission channel"


class Struck(Exception):
    """A fault ended the connection."""


async def strike(world: World, channel: Channel, address: str | None, point: Point) -> None:
    """Let the fault of this step happen, if there is one.

    Raises
    ------
    Refused
        The command is refused, the dialogue goes on.
    Struck
        The connection is over.
    """
    target = None if address is None else box_name(address)
    fault = world.faults.strike("smtp", target, point, now=world.clock.now())
    if fault is None:
        return
    world.note_fault(fault, "smtp", target or "")
    match fault.order.kind:
        case "slow":
            await asyncio.sleep(fault.seconds)
            return
        case "mailbox_busy" | "no_such_mailbox" as kind:
            raise Refused(REPLIES[kind])
        case "service_unavailable":
            await channel.reply(UNAVAILABLE)
            raise Struck
        case "hang":
            await _hang(world, channel, fault)
        case _:  # reset, lost_reply: nothing comes before the cut
            pass
    channel.cut()
    raise Struck


async def _hang(world: World, channel: Channel, fault: Fault) -> None:
    left = fault.seconds
    while left > 0 and not (channel.gone or world.line.closing):
        if not fault.in_force(world.clock.now()):
            return
        await asyncio.sleep(min(HANG_SLICE_SECONDS, left))
        left -= HANG_SLICE_SECONDS
