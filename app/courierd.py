"""`python -m app.courierd`: requests to the venues, answers into rows, until SIGTERM."""

import asyncio
import logging
import os
import signal
import sys

import uvloop

from app.config import ConfigurationRefused, CourierSettings, load
from app.db.errors import DatabaseUnavailable
from app.wiring.courier import courier
from app.wiring.logs import configure_logs

_LOG = logging.getLogger("app.courierd")


def main() -> int:
    """Return the exit status: 0 when asked to stop, 1 without a database, 78 (EX_CONFIG)."""
    configure_logs("info")
    try:
        settings = load(CourierSettings, os.environ)
        configure_logs(settings.log_level)
        uvloop.run(run(settings))
    except ConfigurationRefused as refused:
        for problem in refused.problems:
            _LOG.error("configuration refused", extra={"problem": problem})
        return os.EX_CONFIG
    except DatabaseUnavailable:
        _LOG.error("database cannot be reached")
        return 1
    return 0


async def run(settings: CourierSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with courier(settings):
        _LOG.info("courier ready")
        await stop.wait()
    _LOG.info("courier stopped")


if __name__ == "__main__":
    sys.exit(main())
