"""What a template on the phone is made of: fields, labels, and kinds of value."""

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    AMOUNT = auto()
    """Decimal string, shown in full."""

    COUNT = auto()
    """A whole number that is not negative."""

    FLAG = auto()
    PLACE = auto()
    """A network; no network at all is no limit, and must not read as "nowhere"."""

    CODE = auto()
    """A market, id, address or key: compared by people, so anything but ASCII is spelled out."""

    TEXT = auto()
    """Free text of somebody: letters of any script, nothing invisible."""

    CLAIM = auto()
    """What a platform says of its own user: free text, shown with the name of who says so."""


@dataclass(frozen=True, slots=True)
class Row:
    field: str
    """Dotted path; `*` stands for one key of a map or for the items of a list."""

    label: str
    kind: Kind = Kind.CODE
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    action_type: str
    title: str
    rows: tuple[Row, ...]
    compared: tuple[str, ...] = ()
    """Fields that are shown as how they differ, by a reckoning of this phone's own."""


def money(field: str, label: str) -> tuple[Row, Row]:
    return Row(f"{field}.amount", label, Kind.AMOUNT), Row(f"{field}.quote", f"{label}, in")


CLAIMED = (
    Row("claimed.message", "Message", Kind.CLAIM, optional=True),
    Row("claimed.address", "Its user's address", Kind.CLAIM, optional=True),
    Row("claimed.user_agent", "Its user's browser", Kind.CLAIM, optional=True),
    Row("claimed.place", "Its user's place", Kind.CLAIM, optional=True),
    Row("claimed.by", "Claimed by", Kind.TEXT, optional=True),
)
"""For every action that a platform may ask for."""
