"""A budget per client address, on this node: for what anybody may ask and each ask costs us."""

import ipaddress
from collections import OrderedDict

_V6_PREFIX = 64
"""What one household or server gets: it may use any address of it."""


class Budget:
    """`most` units within `window_seconds`, then nothing until the window is over.

    Kept in memory on purpose: it bounds work, it proves nothing, and every node bounds its own.
    The `addresses` that were seen longest ago are forgotten first.
    """

    def __init__(self, *, most: int, window_seconds: float, addresses: int = 10_000) -> None:
        self._most, self._window, self._addresses = most, window_seconds, addresses
        self._spent: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_seconds(self, address: str | None, now: float) -> float:
        """0 while there is something left; else how long until there is again."""
        began, spent = self._spent.get(_whose(address), (now, 0))
        ends = began + self._window
        return max(0.0, ends - now) if spent >= self._most else 0.0

    def spend(self, address: str | None, now: float) -> None:
        """One unit; a window begins with the first."""
        whose = _whose(address)
        began, spent = self._spent.pop(whose, (now, 0))
        if now - began >= self._window:
            began, spent = now, 0
        self._spent[whose] = (began, spent + 1)
        while len(self._spent) > self._addresses:
            self._spent.popitem(last=False)


def _whose(address: str | None) -> str:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if found.version == 4:  # noqa: PLR2004 - of IP
        return str(found)
    return str(ipaddress.ip_network((int(found), _V6_PREFIX), strict=False))
