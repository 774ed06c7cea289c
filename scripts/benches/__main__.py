"""`python -m scripts.benches NAME [--json]`: one benchmark, from start to clean-up.

Exit status 0 when the goal is met, 1 when it is missed or nothing could be measured.
"""

import argparse
import signal
import sys
from types import FrameType
from typing import NoReturn

from rich.console import Console

from scripts.benches import approve, breakglass, cascade, introspect, sign
from scripts.benches.common import BenchFailed

BENCHES = {
    "approve": approve.run,
    "sign": sign.run,
    "cascade": cascade.run,
    "breakglass": breakglass.run,
    "introspect": introspect.run,
}


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    progress = Console(stderr=True, highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        result = BENCHES[options.name](progress)
    except BenchFailed as failure:
        progress.print(f"bench {options.name}: {failure}", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(result.as_json(), flush=True)
    else:
        result.show(Console(highlight=False))
    return 0 if result.ok else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args(arguments)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
