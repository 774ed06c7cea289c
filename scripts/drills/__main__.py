"""`python -m scripts.drills NAME|--only IDS|--list`: drills, from start to clean-up.

Exit status 0 when every one passed, 1 when one failed, 2 when one gave no verdict.
"""

import argparse
import secrets
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from rich.console import Console

from scripts.drills import common, races, revoke_race, timing
from scripts.drills.common import Ask, Drill, DrillFailed
from scripts.drills.stage import StageFailed

DRILLS: tuple[Drill, ...] = (races.DRILL, revoke_race.DRILL, timing.DRILL)
_NO_VERDICT = 2


def main(arguments: Sequence[str] | None = None, drills: Sequence[Drill] = DRILLS) -> int:
    options = _options(arguments, drills)
    progress, out = Console(stderr=True, highlight=False), Console(highlight=False)
    if options.list:
        for drill in drills:
            out.print(f"{drill.id}  {drill.name}: {drill.about}", markup=False, soft_wrap=True)
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    done = []
    try:
        for drill in _chosen(options, drills):
            progress.print(f"{drill.id} {drill.name}, seed {options.seed}")
            done.append((drill, drill.run(Ask(options.seed, options.n, progress))))
    except (DrillFailed, StageFailed) as failure:
        progress.print(f"drill {drill.name}: {failure}", markup=False)
        return _NO_VERDICT
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(common.as_json(done), flush=True)
    else:
        for drill, verdict in done:
            common.show(out, drill, verdict)
    return 0 if all(verdict.passed for _, verdict in done) else 1


def _chosen(options: argparse.Namespace, drills: Sequence[Drill]) -> list[Drill]:
    if options.name is not None:
        return [drill for drill in drills if drill.name == options.name]
    wanted = options.only.split(",") if options.only else [drill.id for drill in drills]
    return [drill for drill in drills if drill.id in wanted]


def _options(arguments: Sequence[str] | None, drills: Sequence[Drill]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/drill", description=__doc__)
    names, ids = [drill.name for drill in drills], {drill.id for drill in drills}
    parser.add_argument("name", nargs="?", choices=names, help="one drill by name; else all")
    parser.add_argument("--only", help="drills by id, with commas in between")
    parser.add_argument("--list", action="store_true", help="say which there are, and do nothing")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--n", type=int, help="how many, in the drill's own unit")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)
    if options.only and not set(options.only.split(",")) <= ids:
        parser.error(f"--only takes ids of {', '.join(sorted(ids))}")
    return options


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
