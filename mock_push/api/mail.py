"""/mock/mail: what a person finds in the mailbox; and who may hand mail in."""

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from mock_push.api.polling import read_box
from mock_push.box import Numbered
from mock_push.clock import wire_time
from mock_push.mail.accounts import SmtpAccount
from mock_push.mail.boxes import box_name
from mock_push.mail.letters import Letter
from mock_push.world import World


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail in a box; `n` is the cursor to read on after it."""

    n: int
    queue_id: str
    received_at: str
    sender: str
    recipients: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str | None
    html: str | None
    account: str
    tls: str

    @classmethod
    def of(cls, item: Numbered[Letter]) -> "Mail":
        fields = msgspec.structs.asdict(item.content)
        received_at = wire_time(item.content.received_at)
        return cls(n=item.n, **fields | {"received_at": received_at})


class Mails(msgspec.Struct, frozen=True):
    items: list[Mail]


class SmtpAccountView(msgspec.Struct, frozen=True):
    username: str


@get("/mock/mail/{address:str}/messages")
async def mails(
    address: FromPath[str],
    world: NamedDependency[World],
    after: FromQuery[int] = 0,
    wait: FromQuery[float] = 0.0,
) -> Mails:
    """The mails after a cursor; with `wait`, hold the request until there is one."""
    name = box_name(address)
    items = await read_box(
        lambda: world.mail.box(name),
        lambda: world.faults.is_away("smtp", name, now=world.clock.now()),
        world,
        after=after,
        wait=wait,
    )
    return Mails([Mail.of(item) for item in items])


@post("/mock/smtp-accounts")
async def add_smtp_account(
    data: JSONBody[SmtpAccount], world: NamedDependency[World]
) -> SmtpAccountView:
    """Let a sender log in, as `python -m mock_push smtp-account` asks."""
    world.smtp_accounts.add(data)
    return SmtpAccountView(data.username)
