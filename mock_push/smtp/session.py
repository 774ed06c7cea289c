"""One SMTP dialogue (RFC 5321; STARTTLS RFC 3207, AUTH RFC 4954)."""

import ssl
from collections.abc import Awaitable, Callable

from mock_push.mail.accounts import SmtpAccount, WrongPassword
from mock_push.mail.letters import Envelope
from mock_push.smtp import commands
from mock_push.smtp.channel import Channel, ConnectionOver
from mock_push.smtp.commands import MAX_SIZE_BYTES, Refused
from mock_push.smtp.delivery import deliver
from mock_push.smtp.striking import Struck, strike
from mock_push.world import World

MAX_RECIPIENTS = 100  # RFC 5321 section 4.5.3.1.8 asks for at least so many
MAX_COMMANDS = 10_000  # in one connection; a sender that sends more is running wild
END_OF_MAIL = b".\r\n"

Handler = Callable[[str], Awaitable[None]]


class Session:
    """The state of one dialogue."""

    def __init__(self, world: World, channel: Channel, context: ssl.SSLContext) -> None:
        self._world = world
        self._channel = channel
        self._context = context
        self._greeted = False
        self._tls_offered = True
        self._account: SmtpAccount | None = None
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._handlers: dict[str, Handler] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
        }

    async def run(self) -> None:
        """Answer until the other end quits, goes away or is cut off by a fault."""
        try:
            await strike(self._world, self._channel, None, "greeting")
            await self._channel.reply("220 mock_push ESMTP")
            for _ in range(MAX_COMMANDS):
                if not await self._answer_one():
                    return
        except (ConnectionOver, Struck):
            pass
        finally:
            self._channel.close()

    async def _answer_one(self) -> bool:
        """Whether the dialogue goes on."""
        try:
            command = commands.read_command(await self._channel.line())
            if command.verb == "QUIT":
                await self._channel.reply("221 2.0.0 Bye")
                return False
            await self._handlers.get(command.verb, self._unknown)(command.argument)
        except Refused as refusal:
            await self._channel.reply(refusal.reply)
        return True

    async def _ehlo(self, _: str) -> None:
        self._forget_mail()
        self._greeted = True
        now = self._world.clock.now()
        fault = self._world.faults.strike("smtp", None, "ehlo", now=now)
        self._tls_offered = fault is None
        if fault is not None:
            self._world.note_fault(fault, "smtp", "")
        offers = ["250 mock_push", f"250 SIZE {MAX_SIZE_BYTES}", "250 8BITMIME", "250 SMTPUTF8"]
        if self._channel.tls is not None:
            offers.append("250 AUTH PLAIN LOGIN")
        elif self._tls_offered:
            offers.append("250 STARTTLS")
        await self._channel.reply(*offers, "250 ENHANCEDSTATUSCODES")

    async def _helo(self, _: str) -> None:
        self._forget_mail()
        self._greeted = True
        await self._channel.reply("250 mock_push")

    async def _starttls(self, _: str) -> None:
        if self._channel.tls is not None or not self._tls_offered:
            raise Refused("502 5.5.1 STARTTLS is not available")
        await self._channel.reply("220 2.0.0 Ready to start TLS")
        await self._channel.start_tls(self._context)
        # RFC 3207 section 4.2: everything learnt in clear is forgotten
        self._greeted, self._account = False, None
        self._forget_mail()

    async def _auth(self, argument: str) -> None:
        if self._channel.tls is None:
            raise Refused("538 5.7.11 Encryption required for requested authentication mechanism")
        if self._account is not None:
            raise Refused("503 5.5.1 Already authenticated")
        mechanism, _, initial = argument.partition(" ")
        username, password = await self._credentials(mechanism.upper(), initial)
        refused = Refused("535 5.7.8 Authentication credentials invalid")
        now = self._world.clock.now()
        fault = self._world.faults.strike("smtp", None, "auth", now=now)
        if fault is not None:
            self._world.note_fault(fault, "smtp", username)
            raise refused
        try:
            self._account = self._world.smtp_accounts.authenticate(username, password)
        except WrongPassword as error:
            raise refused from error
        await self._channel.reply("235 2.7.0 Authentication succeeded")

    async def _credentials(self, mechanism: str, initial: str) -> tuple[str, str]:
        if mechanism == "PLAIN":
            return commands.read_plain(initial or await self._ask(""))
        if mechanism == "LOGIN":
            username = commands.read_base64(initial or await self._ask("VXNlcm5hbWU6"))
            return username, commands.read_base64(await self._ask("UGFzc3dvcmQ6"))
        raise Refused("504 5.5.4 Unrecognized authentication mechanism")

    async def _ask(self, challenge: str) -> str:
        await self._channel.reply(f"334 {challenge}")
        return (await self._channel.line()).decode("ascii", "replace").strip()

    async def _mail(self, argument: str) -> None:
        if self._channel.tls is None:
            raise Refused("530 5.7.0 Must issue a STARTTLS command first")
        if self._account is None:
            raise Refused("530 5.7.0 Authentication required")
        if not self._greeted or self._sender is not None:
            raise Refused("503 5.5.1 Bad sequence of commands")
        self._sender = commands.read_path(argument, "FROM")
        await self._channel.reply("250 2.1.0 Ok")

    async def _rcpt(self, argument: str) -> None:
        if self._sender is None:
            raise Refused("503 5.5.1 Need MAIL command first")
        address = commands.read_path(argument, "TO")
        if len(self._recipients) >= MAX_RECIPIENTS:
            raise Refused("452 4.5.3 Too many recipients")
        await strike(self._world, self._channel, address, "recipient")
        self._recipients.append(address)
        await self._channel.reply("250 2.1.5 Ok")

    async def _data(self, _: str) -> None:
        if self._sender is None or self._account is None or not self._recipients:
            raise Refused("503 5.5.1 Need RCPT command first")
        await self._channel.reply("354 End data with <CR><LF>.<CR><LF>")
        content = await self._content()
        envelope = Envelope(
            sender=self._sender,
            recipients=tuple(self._recipients),
            account=self._account.username,
            tls=self._channel.tls or "",
        )
        self._forget_mail()
        queue_id = deliver(self._world, content, envelope)
        for address in envelope.recipients:
            await strike(self._world, self._channel, address, "reply")
        await self._channel.reply(f"250 2.0.0 Ok: queued as {queue_id}")

    async def _content(self) -> bytes:
        """The mail with dots unstuffed; read to its end even when it is refused."""
        lines: list[bytes] = []
        size, bare = 0, False
        while (line := await self._channel.line()) != END_OF_MAIL:
            size += len(line)
            bare = bare or b"\n" in line[:-2] or b"\r" in line[:-2]
            if size <= MAX_SIZE_BYTES:
                lines.append(line.removeprefix(b"."))
        self._check_content(size=size, bare=bare)
        return b"".join(lines)

    def _check_content(self, *, size: int, bare: bool) -> None:
        """A bare CR or LF is where one server sees two mails and another one ("smuggling")."""
        if size > MAX_SIZE_BYTES or bare:
            self._forget_mail()
        if size > MAX_SIZE_BYTES:
            raise Refused("552 5.3.4 Message size exceeds fixed limit")
        if bare:
            raise Refused("554 5.6.0 Bare <CR> or <LF> in message")

    async def _rset(self, _: str) -> None:
        self._forget_mail()
        await self._channel.reply("250 2.0.0 Ok")

    async def _unknown(self, _: str) -> None:
        raise Refused("502 5.5.1 Command not implemented")

    async def _noop(self, _: str) -> None:
        await self._channel.reply("250 2.0.0 Ok")

    def _forget_mail(self) -> None:
        self._sender = None
        self._recipients = []
