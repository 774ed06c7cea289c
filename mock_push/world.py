"""Everything one mock holds; made once, handed to every route and every dialogue."""

import msgspec

from mock_push.clock import Clock, SystemClock
from mock_push.disk import Disk
from mock_push.draw import Draw
from mock_push.faults.book import Faults
from mock_push.faults.models import Channel, Fault
from mock_push.journal import Journal
from mock_push.line import Line
from mock_push.mail.accounts import SmtpAccounts
from mock_push.mail.boxes import MailBoxes
from mock_push.oauth.accounts import Accounts
from mock_push.oauth.tokens import AccessTokens
from mock_push.phones.registrations import Phones
from mock_push.telegram.bots import Bots
from mock_push.telegram.chats import Chats
from mock_push.telegram.desk import Desk
from mock_push.transit import Carriage, CarriageKind


class Addresses(msgspec.Struct, kw_only=True):
    """Where the mock listens; None where it does not (yet).

    Attributes
    ----------
    http, tls
        Origins, ``http://127.0.0.1:8085``.
    smtp
        ``host:port``.
    authority_file
        What to trust for `tls` and STARTTLS.
    """

    http: str | None = None
    tls: str | None = None
    smtp: str | None = None
    authority_file: str | None = None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One mock.

    Attributes
    ----------
    anywhere
        The mock was told that other machines may reach it.
    """

    clock: Clock
    draw: Draw
    faults: Faults
    journal: Journal
    line: Line
    addresses: Addresses
    anywhere: bool
    accounts: Accounts
    tokens: AccessTokens
    phones: Phones
    smtp_accounts: SmtpAccounts
    mail: MailBoxes
    bots: Bots
    chats: Chats
    desk: Desk

    def note_fault(self, fault: Fault, channel: Channel, target: str) -> None:
        """Write into the journal that a fault struck."""
        summary = f"{fault.order.kind} ({fault.fault_id})"
        self.journal.add("fault", channel, target, summary, now=self.clock.now())

    def carriage(self, channel: Channel, target: str, *, key: str = "") -> Carriage | None:
        """What befalls a message to this target on its way; counted and noted."""
        fault = self.faults.strike(channel, target, "carriage", now=self.clock.now())
        if fault is None:
            return None
        self.note_fault(fault, channel, target)
        kind = msgspec.convert(fault.order.kind, CarriageKind)
        return Carriage(kind, fault.seconds, key)

    def close(self) -> None:
        """Let everybody go who waits."""
        self.line.closing = True
        self.phones.close()
        self.mail.wake()
        self.chats.wake()
        self.desk.close()
        self.journal.touch()


def make_world(
    *, disk: Disk, seed: int | None = None, clock: Clock | None = None, anywhere: bool = False
) -> World:
    draw = Draw(seed)
    phones = Phones(disk, draw)
    return World(
        clock=clock or SystemClock(),
        draw=draw,
        faults=Faults(seed),
        journal=Journal(),
        line=Line(),
        addresses=Addresses(),
        anywhere=anywhere,
        accounts=Accounts(disk),
        tokens=AccessTokens(draw),
        phones=phones,
        smtp_accounts=SmtpAccounts(disk),
        mail=MailBoxes(phones.first_n),
        bots=Bots(disk),
        chats=Chats(disk, draw, phones.first_n),
        desk=Desk(phones.generation),
    )
