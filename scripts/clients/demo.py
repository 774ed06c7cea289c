"""Plays the whole story on this machine: `python -m scripts.clients.demo [--serve] [--json]`.

Exit status 0 when every step saw what it expected, 1 with the name of the failed step. The data
directory stays, so that the next run finds its database cluster and HSM token again; every run
makes its own platform and trader.
"""

import argparse
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from scripts.clients.encoding import BadFormat, Json
from scripts.clients.http import Refused, Unreachable
from scripts.clients.stack import Stack, StackFailed
from scripts.clients.story import STEPS, Step, StepFailed, World
from scripts.clients.view import View

DATA = Path(".tripcord") / "demo"
_PLAIN = (BadFormat, Refused, StackFailed, StepFailed, Unreachable)
"""Failures that explain themselves in one sentence; the others print where they came from."""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    console = Console(stderr=options.json, highlight=False)
    view, stack = View(console), Stack(options.data.resolve())
    world = World(view, stack)
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal leaves nothing behind
        signal.signal(number, _interrupt)
    try:
        results = play(STEPS, world, view)
        ok = all(result["ok"] for result in results)
        if options.json:
            print(json.dumps({"steps": results, "ok": ok}), flush=True)
        if ok and options.serve:
            view.say(f"everything keeps running at {world.addresses.api}; Ctrl-C stops it")
            stack.wait()
    except KeyboardInterrupt:
        view.say("stopping")
        return 0 if options.serve else 130
    finally:
        stack.stop()
    return 0 if ok else 1


def play(steps: tuple[Step, ...], world: World, view: View) -> list[Json]:
    """Run the steps in order up to the first that fails; names, outcomes and whole ms of each."""
    results: list[Json] = []
    with world.closing:
        for number, step in enumerate(steps, start=1):
            began, reason = time.perf_counter(), ""
            with view.step(number, len(steps), step.name, step.why):
                try:
                    step.play(world)
                except Exception as failure:  # noqa: BLE001 - the runner names the failed step
                    reason = _explain(failure)
            took_ms = round((time.perf_counter() - began) * 1000)
            results.append({"name": step.name, "ok": not reason, "ms": took_ms})
            if reason:
                view.failed(step.name, took_ms, f"failed at step {number}: {step.name}\n{reason}")
                break
            view.done(step.name, took_ms)
    return results


def _explain(failure: Exception) -> str:
    sentence = f"{type(failure).__name__}: {failure}"
    if isinstance(failure, _PLAIN):
        return sentence
    return f"{sentence}\n{''.join(traceback.format_tb(failure.__traceback__))}"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="leave everything running")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--data", type=Path, default=DATA, help="data directory (%(default)s)")
    return parser.parse_args(arguments)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
