"""What `bench introspect` is measured against: a handler that does nothing, served as ours is.

An `@asgi` handler of the same framework on the same server with the same options, in a process of
its own, as the api is; nothing stands around it. Run as `python -m scripts.benches.empty PORT`.
"""

import asyncio
import signal
import sys

import uvloop
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from app.asgi import server

PATH = "/oauth/introspect"
BODY = b'{"active":true}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BODY)),
    ],
}
_END = {"type": "http.response.body", "body": BODY}


@asgi(PATH, copy_scope=False)
async def empty(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answer without having looked."""
    await send(_START)  # type: ignore[arg-type]
    await send(_END)  # type: ignore[arg-type]


async def serve(port: int) -> None:
    """Listen until SIGTERM; says so on standard output."""
    running = server(Litestar([empty], openapi_config=None), host="127.0.0.1", port=port)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.stop)
    print("ready", flush=True)
    await running.serve()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
