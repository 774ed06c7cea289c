"""The faults that were set, and whether one strikes."""

import hashlib
import secrets
from datetime import datetime

from mock_push.faults.catalogue import BY_NAME, Kind
from mock_push.faults.models import Channel, Fault, FaultOrder, Point
from mock_push.status import InvalidArgumentError, NotFoundError

MAX_FAULTS = 500  # ours, to bound the list; a script that sets more forgets to clear
FRACTION_BYTES = 8


class Faults:
    """Every fault of one mock, in the order they were set.

    Parameters
    ----------
    seed
        None draws one; it is shown, so that a run can be repeated.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = secrets.randbits(32) if seed is None else seed
        self._faults: dict[str, Fault] = {}
        self._set_so_far = 0

    def set(self, order: FaultOrder, *, now: datetime) -> Fault:
        """Let something go wrong from now on.

        Raises
        ------
        InvalidArgumentError
            The channel has no such fault, the fault does not use a value given, or there are
            too many.
        """
        kind = BY_NAME.get((order.channel, order.kind))
        if kind is None:
            raise InvalidArgumentError(f"{order.channel} has no fault {order.kind!r}.")
        _check_uses(kind, order)
        if len(self._faults) >= MAX_FAULTS:
            raise InvalidArgumentError(f"There are {MAX_FAULTS} faults already; clear some.")
        self._set_so_far += 1
        fault = Fault(
            number=self._set_so_far,
            point=_point(kind, order),
            order=order,
            seconds=order.seconds if order.seconds is not None else kind.seconds or 0.0,
            set_at=now,
        )
        self._faults[fault.fault_id] = fault
        return fault

    def clear(self, fault_id: str) -> Fault:
        """Take a fault away and return how it stood.

        Raises
        ------
        NotFoundError
            There is no such fault.
        """
        fault = self._faults.pop(fault_id, None)
        if fault is None:
            raise NotFoundError("There is no such fault.")
        fault.cleared = True
        return fault

    def clear_all(self) -> list[Fault]:
        return [self.clear(fault_id) for fault_id in list(self._faults)]

    def all(self) -> list[Fault]:
        return list(self._faults.values())

    def strike(
        self, channel: Channel, target: str | None, point: Point, *, now: datetime
    ) -> Fault | None:
        """The one fault that strikes this request here, counted; None for none.

        A target's own faults are asked before those for all, older ones before newer.
        """
        if not self._faults:
            return None
        for fault in self._candidates(channel, target, point, now):
            if self._strikes(fault, target or ""):
                return fault
        return None

    def is_away(self, channel: Channel, target: str, *, now: datetime) -> bool:
        """Whether the receiver cannot be reached at the moment."""
        return bool(self._faults) and any(self._candidates(channel, target, "away", now))

    def _candidates(
        self, channel: Channel, target: str | None, point: Point, now: datetime
    ) -> list[Fault]:
        found = [
            fault
            for fault in self._faults.values()
            if fault.point == point
            and fault.order.channel == channel
            and fault.concerns(target)
            and fault.in_force(now)
            and not fault.used_up()
        ]
        return sorted(found, key=lambda fault: (fault.order.target is None, fault.number))

    def _strikes(self, fault: Fault, target: str) -> bool:
        nth = fault.met_by_target.get(target, 0)
        fault.met_by_target[target] = nth + 1
        fault.met += 1
        if nth < fault.order.skip or self._fraction(fault, target, nth) >= fault.order.share:
            return False
        fault.fired += 1
        return True

    def _fraction(self, fault: Fault, target: str, nth: int) -> float:
        """From 0 to below 1, and the same for the same seed, fault, target and count."""
        drawn = f"{self.seed}|{fault.number}|{target}|{nth}".encode()
        first = hashlib.sha256(drawn).digest()[:FRACTION_BYTES]
        return float(int.from_bytes(first) / 2 ** (8 * FRACTION_BYTES))


def _point(kind: Kind, order: FaultOrder) -> Point:
    if order.target is None and kind.untargeted_point is not None:
        return kind.untargeted_point
    return kind.point


def _check_uses(kind: Kind, order: FaultOrder) -> None:
    """A value that would be ignored is a mistake in the script: it is refused."""
    if order.seconds is not None and kind.seconds is None:
        raise InvalidArgumentError(f"{kind.channel} {kind.kind} takes no seconds.")
    if order.retry_after_seconds is not None and not kind.retry_after:
        raise InvalidArgumentError(f"{kind.channel} {kind.kind} names no time to wait.")
    if kind.point in ("ehlo", "auth") and order.target is not None:
        raise InvalidArgumentError(f"{kind.channel} {kind.kind} is for all; it has no target.")
    counts = order.times is not None or order.skip or order.share < 1
    if kind.point == "away" and counts:
        raise InvalidArgumentError(f"{kind.channel} {kind.kind} counts no requests.")
