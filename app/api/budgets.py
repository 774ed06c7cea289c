"""A budget per client address, on this node: for what anybody may ask and each ask costs us."""

from collections import OrderedDict

from app.approvals.lineages import lineage_at


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
    """Of IPv6 the /64: what one household or server gets, and may use any address of."""
    try:
        return lineage_at(address)
    except ValueError:
        return ""
