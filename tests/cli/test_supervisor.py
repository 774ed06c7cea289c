"""Children that crash, hang, give up, or outlive nobody."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from app.cli import supervisor as supervision
from app.cli.supervisor import Child, Part, Supervisor


def part(directory: Path, name: str, script: str, **more: object) -> Part:
    path = directory / f"{name}.py"
    path.write_text(textwrap.dedent(script))
    return Part(
        name=name,
        argv=(sys.executable, str(path)),
        environ={"PATH": os.defpath, "PYTHONUNBUFFERED": "1"},
        log=directory / f"{name}.log",
        **more,  # type: ignore[arg-type]
    )


SLEEPS = """
    import time
    print("up")
    time.sleep(60)
"""
IGNORES_TERM = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up")
    time.sleep(60)
"""


async def until(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def said(child_part: Part) -> bool:
    return child_part.log.exists() and "up" in child_part.log.read_text()


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_SECONDS", (0.05, 0.1))
    monkeypatch.setattr(supervision, "STOP_SECONDS", 0.5)


async def test_a_child_that_is_killed_is_told_of_and_started_again(
    tmp_path: Path, reports: list[str]
) -> None:
    supervisor = Supervisor(reports.append)
    sleeper = part(tmp_path, "sleeper", SLEEPS)
    child = await supervisor.start(sleeper)
    await until(lambda: said(sleeper))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid != first)
    await supervisor.stop()
    assert reports[0].splitlines()[0] == (
        "sleeper ended (killed by SIGKILL): starting it again in 0.05 s"
    )


async def test_a_crash_shows_the_last_lines_of_the_log(tmp_path: Path, reports: list[str]) -> None:
    supervisor = Supervisor(reports.append)
    script = "for n in range(9): print('line', n)\nraise SystemExit(1)\n"
    await supervisor.start(part(tmp_path, "crasher", script))
    await until(lambda: reports)
    await supervisor.stop()
    assert reports[0].splitlines()[1:] == [f"    line {n}" for n in range(4, 9)]


async def test_pauses_grow_while_a_child_keeps_crashing(tmp_path: Path, reports: list[str]) -> None:
    supervisor = Supervisor(reports.append)
    await supervisor.start(part(tmp_path, "crasher", "raise SystemExit(1)"))
    await until(lambda: len(reports) > 2)
    await supervisor.stop()
    assert [line.splitlines()[0].split("again in ")[1] for line in reports[:3]] == [
        "0.05 s",
        "0.1 s",
        "0.1 s",
    ]


@pytest.mark.parametrize("status", [2, 3, 4, 78])
async def test_what_only_a_person_can_mend_is_not_tried_again(
    tmp_path: Path, reports: list[str], status: int
) -> None:
    supervisor = Supervisor(reports.append)
    child = await supervisor.start(
        part(tmp_path, "signer", f"raise SystemExit({status})", ready=_never)
    )
    assert await supervisor.until_ready([child], seconds=10) == ["signer"]
    await asyncio.sleep(0.3)
    assert len(reports) == 1
    await supervisor.stop()


async def test_children_stop_in_the_reverse_order_of_their_start(
    tmp_path: Path, reports: list[str]
) -> None:
    order = tmp_path / "order"
    script = f"""
        import signal, sys, time
        def stop(*_):
            with open({str(order)!r}, "a") as file:
                file.write(sys.argv[0][-6:-3] + " ")
            raise SystemExit
        signal.signal(signal.SIGTERM, stop)
        print("up")
        time.sleep(60)
    """
    supervisor = Supervisor(reports.append)
    parts = [part(tmp_path, name, script) for name in ("one", "two", "six")]
    for one in parts:
        await supervisor.start(one)
    await until(lambda: all(said(one) for one in parts))
    await supervisor.stop()
    assert order.read_text().split() == ["six", "two", "one"]
    assert reports == []


async def test_a_child_that_will_not_stop_is_killed_at_the_deadline(
    tmp_path: Path, reports: list[str]
) -> None:
    supervisor = Supervisor(reports.append)
    stubborn = part(tmp_path, "stubborn", IGNORES_TERM)
    child = await supervisor.start(stubborn)
    await until(lambda: said(stubborn))
    pid = child.pid
    assert pid is not None
    await supervisor.stop()
    assert reports == ["stubborn did not stop in 0.5 s and was killed"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_in_its_pause_is_not_started_after_stop(
    tmp_path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_SECONDS", (0.3,))
    supervisor = Supervisor(reports.append)
    starts = tmp_path / "starts"
    script = f"open({str(starts)!r}, 'a').write('x')\nraise SystemExit(1)"
    await supervisor.start(part(tmp_path, "crasher", script))
    await until(lambda: reports)
    await supervisor.stop()
    await asyncio.sleep(0.5)
    assert starts.read_text() == "x"


async def test_ready_means_the_check_passed(tmp_path: Path, reports: list[str]) -> None:
    supervisor = Supervisor(reports.append)
    flag = tmp_path / "flag"

    async def flagged() -> bool:
        return flag.exists()

    script = f"open({str(flag)!r}, 'w').close()\nimport time; time.sleep(60)"
    ready = await supervisor.start(part(tmp_path, "ready", script, ready=flagged))
    assert await supervisor.until_ready([ready], seconds=10) == []
    late = await supervisor.start(part(tmp_path, "late", SLEEPS, ready=_never))
    assert await supervisor.until_ready([ready, late], seconds=0.2) == ["late"]
    await supervisor.stop()


async def test_a_child_gets_only_the_environment_it_was_given(
    tmp_path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPCORD_HSM_PIN", "canary-7f3a")
    supervisor = Supervisor(reports.append)
    out = tmp_path / "environ"
    script = (
        f"import os\nopen({str(out)!r}, 'w').write(repr(dict(os.environ)))\nraise SystemExit(2)"
    )
    child = await supervisor.start(part(tmp_path, "curious", script))
    await until(lambda: child.gave_up)
    await supervisor.stop()
    assert "canary" not in out.read_text()


def test_children_die_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from app.cli.supervisor import Part, Supervisor

        async def main():
            supervisor = Supervisor(print)
            code = "import time, os; print('up', os.getpid(), flush=True); time.sleep(60)"
            part = Part(name="child", argv=(sys.executable, "-c", code), environ={{}},
                        log=Path({str(tmp_path)!r}) / "child.log")
            await supervisor.start(part)
            await asyncio.sleep(60)

        asyncio.run(main())
    """)
    parent = subprocess.Popen([sys.executable, "-c", script])  # noqa: S603
    try:
        log = tmp_path / "child.log"
        deadline = time.monotonic() + 20
        while not (log.exists() and log.read_text().endswith("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pid = int(log.read_text().split()[1])
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and _state_of(pid) != "Z":
        assert time.monotonic() < deadline, "the child outlived its supervisor"
        time.sleep(0.02)


def _state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


async def _never() -> bool:
    return False


def test_a_child_knows_no_pid_before_it_starts(tmp_path: Path, reports: list[str]) -> None:
    assert Child(part(tmp_path, "idle", SLEEPS), reports.append).pid is None
