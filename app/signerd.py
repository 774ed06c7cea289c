"""`python -m app.signerd`: the process that holds the HSM, until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import sys

import uvloop

from app.config import ConfigurationRefused, SignerSettings, load
from app.core.errors import DomainError
from app.vault.errors import ModuleRefused, PinRefused
from app.wiring.logs import configure_logs
from app.wiring.signer import signer

_LOG = logging.getLogger(__name__)
_FINAL: dict[type[DomainError], int] = {ModuleRefused: 3, PinRefused: 4}


async def _serve(settings: SignerSettings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with signer(settings):
        _LOG.info("signer is ready")
        await stopping.wait()


def main() -> int:
    """Exit code 0 after a stop, 1 when something it needs is missing, 2 for its settings.

    3 and 4 are final: the HSM's module or keys, or its PIN, were refused. Whoever supervises must
    not start again, because a real HSM locks itself after a few wrong PINs.
    """
    try:
        settings = load(SignerSettings, os.environ)
    except ConfigurationRefused as refused:
        for problem in refused.problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    configure_logs(settings.log_level)
    try:
        uvloop.run(_serve(settings))
    except DomainError as error:
        _LOG.error("signer cannot start: %s", error.code, extra={"rule": error.rule})
        return _FINAL.get(type(error), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
