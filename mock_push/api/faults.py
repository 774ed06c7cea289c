"""/mock/faults: let things go wrong, see how often they did, and take them away."""

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from mock_push.clock import wire_time
from mock_push.faults.catalogue import KINDS, Kind
from mock_push.faults.models import Channel, Fault, FaultOrder, Point
from mock_push.mail.boxes import box_name
from mock_push.world import World


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as it stands; `in_force` is false once it is used up or over."""

    fault_id: str
    channel: Channel
    kind: str
    target: str | None
    point: Point
    times: int | None
    skip: int
    share: float
    seconds: float
    retry_after_seconds: int | None
    lasts_seconds: float | None
    set_at: str
    met: int
    fired: int
    in_force: bool

    @classmethod
    def of(cls, fault: Fault, world: World) -> "FaultView":
        order = fault.order
        return cls(
            fault_id=fault.fault_id,
            channel=order.channel,
            kind=order.kind,
            target=order.target,
            point=fault.point,
            times=order.times,
            skip=order.skip,
            share=order.share,
            seconds=fault.seconds,
            retry_after_seconds=order.retry_after_seconds,
            lasts_seconds=order.lasts_seconds,
            set_at=wire_time(fault.set_at),
            met=fault.met,
            fired=fault.fired,
            in_force=fault.in_force(world.clock.now()) and not fault.used_up(),
        )


class FaultList(msgspec.Struct, frozen=True):
    seed: int
    items: list[FaultView]


class KindList(msgspec.Struct, frozen=True):
    items: tuple[Kind, ...]


@post("/mock/faults")
async def set_fault(data: JSONBody[FaultOrder], world: NamedDependency[World]) -> FaultView:
    """Let something go wrong from now on."""
    if data.channel == "smtp" and data.target is not None:
        data = msgspec.structs.replace(data, target=box_name(data.target))
    now = world.clock.now()
    fault = world.faults.set(data, now=now)
    summary = f"{data.kind} ({fault.fault_id})"
    world.journal.add("set", data.channel, data.target or "", summary, now=now)
    return FaultView.of(fault, world)


@get("/mock/faults")
async def list_faults(world: NamedDependency[World]) -> FaultList:
    """Every fault set and not cleared, with its counts."""
    return FaultList(world.faults.seed, [FaultView.of(f, world) for f in world.faults.all()])


@get("/mock/faults/kinds", sync_to_thread=False)
def kinds() -> KindList:
    """Every kind there is."""
    return KindList(KINDS)


@delete("/mock/faults/{fault_id:str}", status_code=200)
async def clear_fault(fault_id: FromPath[str], world: NamedDependency[World]) -> FaultView:
    """Take one away; the answer has its last counts."""
    fault = world.faults.clear(fault_id)
    _note_cleared(fault, world)
    return FaultView.of(fault, world)


@delete("/mock/faults", status_code=200)
async def clear_faults(world: NamedDependency[World]) -> FaultList:
    """Take all away; the answer has their last counts."""
    cleared = world.faults.clear_all()
    for fault in cleared:
        _note_cleared(fault, world)
    return FaultList(world.faults.seed, [FaultView.of(fault, world) for fault in cleared])


def _note_cleared(fault: Fault, world: World) -> None:
    summary = f"{fault.order.kind} ({fault.fault_id}), fired {fault.fired} of {fault.met}"
    target = fault.order.target or ""
    world.journal.add("cleared", fault.order.channel, target, summary, now=world.clock.now())
