"""Listen for mail."""

import asyncio
import ssl

from mock_push.smtp.channel import MAX_LINE_BYTES, Channel
from mock_push.smtp.session import Session
from mock_push.world import World

GRACE_SECONDS = 1.0


class MailServer:
    """One listening socket and its dialogues."""

    def __init__(self, world: World, context: ssl.SSLContext) -> None:
        self._world = world
        self._context = context
        self._dialogues: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and say on which port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and end every dialogue."""
        if self._server is None:
            return
        self._server.close()
        for dialogue in self._dialogues:
            dialogue.cancel()
        if self._dialogues:
            await asyncio.wait(self._dialogues, timeout=GRACE_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._dialogues.add(task)
            task.add_done_callback(self._dialogues.discard)
        await Session(self._world, Channel(reader, writer), self._context).run()
