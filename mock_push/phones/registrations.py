"""Which registrations exist, and for which project."""

import re
from typing import Literal

import msgspec

from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.phones.inbox import Inbox
from mock_push.status import NotFoundError

DEFAULT_PROJECT = "tripcord-demo"
JOURNAL = "registrations.jsonl"
GENERATION = "generation"
# The first number after each restart. The messages are gone by then, the phones' cursors are not.
NUMBERS_PER_GENERATION = 1_000_000_000

FID = re.compile(r"[cdef][A-Za-z0-9_-]{21}\Z")
TOKEN = re.compile(r"[A-Za-z0-9_-]{11,64}:[A-Za-z0-9_-]{100,512}\Z")

Kind = Literal["fid", "token"]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual phone's address.

    Attributes
    ----------
    registration
        A Firebase installation ID (22 characters) or a registration token (163).
    project
        The Firebase project of the app on the phone.
    """

    registration: str
    kind: Kind
    project: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal."""

    event: Literal["registered", "unregistered"]
    phone: Registration


def well_formed(address: str, field: Kind) -> bool:
    """Whether Google could have given out such an address.

    The token field takes an installation ID too ("during the transition period").
    """
    return bool(FID.match(address) or (field == "token" and TOKEN.match(address)))


class Phones:
    """All registrations and their inboxes.

    Attributes
    ----------
    closing
        The mock is going down: readers are let go.
    generation
        How often the mock was started on its data directory before.
    first_n
        The number of the first message of every inbox since this start.
    """

    def __init__(self, disk: Disk, draw: Draw) -> None:
        self._disk = disk
        self._draw = draw
        self._phones: dict[str, tuple[Registration, Inbox]] = {}
        self.closing = False
        self.generation = self._begin_generation()
        self.first_n = self.generation * NUMBERS_PER_GENERATION + 1
        self._replay()

    def register(self, *, kind: Kind, project: str) -> Registration:
        """A new address, as the SDK on a phone gets one from Google."""
        address = self._draw_address(kind)
        while address in self._phones:  # a seed draws the same addresses again after a restart
            address = self._draw_address(kind)
        phone = Registration(registration=address, kind=kind, project=project)
        self._write("registered", phone)
        self._phones[address] = (phone, Inbox(self.first_n))
        return phone

    def unregister(self, registration: str) -> None:
        """What uninstalling the app does: the address is dead for good.

        Raises
        ------
        NotFoundError
            There is no such registration.
        """
        inbox = self.inbox(registration)
        phone, _ = self._phones.pop(registration)
        self._write("unregistered", phone)
        inbox.wake()

    def find(self, registration: str) -> Registration | None:
        phone, _ = self._phones.get(registration, (None, None))
        return phone

    def inbox(self, registration: str) -> Inbox:
        """The messages of a registration.

        Raises
        ------
        NotFoundError
            There is no such registration.
        """
        if registration not in self._phones:
            raise NotFoundError("There is no such registration.")
        return self._phones[registration][1]

    def all(self) -> list[tuple[Registration, Inbox]]:
        return list(self._phones.values())

    def close(self) -> None:
        self.closing = True
        for _, inbox in self._phones.values():
            inbox.wake()

    def _draw_address(self, kind: Kind) -> str:
        return self._draw.fid() if kind == "fid" else self._draw.registration_token()

    def _begin_generation(self) -> int:
        generation = int(self._disk.read(GENERATION) or b"0")
        self._disk.write(GENERATION, str(generation + 1).encode())
        return generation

    def _write(self, event: Literal["registered", "unregistered"], phone: Registration) -> None:
        self._disk.append(JOURNAL, msgspec.json.encode(Entry(event=event, phone=phone)))

    def _replay(self) -> None:
        for line in self._disk.lines(JOURNAL):
            entry = msgspec.json.decode(line, type=Entry)
            if entry.event == "registered":
                self._phones[entry.phone.registration] = (entry.phone, Inbox(self.first_n))
            else:
                self._phones.pop(entry.phone.registration, None)
