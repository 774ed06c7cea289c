"""`python -m app.dispatchd`: bring the outbox to phones and webhooks, until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import sys

import uvloop

from app.config import ConfigurationRefused, DispatcherSettings, load
from app.db.errors import DatabaseUnavailable
from app.wiring.dispatcher import dispatcher
from app.wiring.logs import configure_logs

_LOG = logging.getLogger("app.dispatchd")


def main() -> int:
    """Return the exit status: 0 when asked to stop, 1 after a fault, 78 (EX_CONFIG)."""
    configure_logs("info")
    try:
        settings = load(DispatcherSettings, os.environ)
        configure_logs(settings.log_level)
        uvloop.run(run(settings))
    except ConfigurationRefused as refused:
        for problem in refused.problems:
            _LOG.error("configuration refused", extra={"problem": problem})
        return os.EX_CONFIG
    except DatabaseUnavailable:
        _LOG.error("database cannot be reached")
        return 1
    except Exception:  # noqa: BLE001 - the interpreter's own traceback would not be JSON
        _LOG.exception("dispatcher failed")
        return 1
    return 0


async def run(settings: DispatcherSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with dispatcher(settings) as working:
        _LOG.info("dispatcher ready", extra={"channels": sorted(working.by_name)})
        await working.run(stop)
    _LOG.info("dispatcher stopped")


if __name__ == "__main__":
    sys.exit(main())
