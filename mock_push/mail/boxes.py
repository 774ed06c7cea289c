"""A box for every address."""

from mock_push.box import Box
from mock_push.mail.letters import Letter

MAX_BOXES = 10_000  # ours, to bound memory: the oldest box goes


class MailBoxes:
    """All boxes, made when first written to or read.

    Parameters
    ----------
    first_n
        The number of the first mail in each box.
    """

    def __init__(self, first_n: int = 1) -> None:
        self._first_n = first_n
        self._boxes: dict[str, Box[Letter]] = {}

    def box(self, address: str) -> Box[Letter]:
        name = box_name(address)
        if name not in self._boxes:
            if len(self._boxes) >= MAX_BOXES:
                self._boxes.pop(next(iter(self._boxes)))
            self._boxes[name] = Box(self._first_n)
        return self._boxes[name]

    def all(self) -> dict[str, Box[Letter]]:
        return dict(self._boxes)

    def wake(self) -> None:
        for box in self._boxes.values():
            box.wake()


def box_name(address: str) -> str:
    """Upper and lower case lead to the same box, as with every provider a person uses."""
    return address.strip().lower()
