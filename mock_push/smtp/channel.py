"""The two ends of one SMTP connection: lines in, replies out, TLS put in between, or cut."""

import asyncio
import ssl

from mock_push.line import reset

MAX_LINE_BYTES = 4096  # RFC 5321 asks for 512 in commands and 1000 in a mail
IDLE_SECONDS = 300.0  # RFC 5321 section 4.5.3.2.7: a server waits at least five minutes


class ConnectionOver(Exception):
    """The other end went away, or sent a line without end."""


class Channel:
    """Line by line over TCP, then over TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def tls(self) -> str | None:
        """Protocol version, such as TLSv1.3; None in clear."""
        session = self._writer.get_extra_info("ssl_object")
        return None if session is None else str(session.version())

    @property
    def gone(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    async def line(self) -> bytes:
        """The next line with its CRLF; a bare LF ends none.

        Raises
        ------
        ConnectionOver
            The end, a line that is too long, or five minutes of silence.
        """
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await self._reader.readuntil(b"\r\n")
        except (
            asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError,
        ) as error:  # fmt: skip
            raise ConnectionOver from error

    async def reply(self, *lines: str) -> None:
        """A reply; of several lines all but the last carry a hyphen after the code."""
        marked = [f"{line[:3]}-{line[4:]}" for line in lines[:-1]] + [lines[-1]]
        self._writer.write("".join(f"{line}\r\n" for line in marked).encode())
        try:
            await self._writer.drain()
        except OSError as error:
            raise ConnectionOver from error

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Put TLS in between.

        Whatever came in clear after STARTTLS stays behind in the old reader and is never acted on:
        commands injected there are the oldest hole of STARTTLS (CVE-2011-0411).

        Raises
        ------
        ConnectionOver
            There was no handshake.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_LINE_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport = await loop.start_tls(
                self._writer.transport, protocol, context, server_side=True
            )
        except (OSError, ssl.SSLError) as error:
            raise ConnectionOver from error
        if transport is None:
            raise ConnectionOver
        protocol.connection_made(transport)
        self._reader = reader
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    def cut(self) -> None:
        """Reset the connection; the other end gets no reply."""
        reset(self._writer.transport)

    def close(self) -> None:
        self._writer.close()
