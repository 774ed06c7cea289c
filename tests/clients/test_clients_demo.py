"""The demo's runner: times, names, one JSON object, and plain text from the wire."""

import io
import json
from pathlib import Path
from uuid import UUID

import pytest
from rich.console import Console

from scripts.clients import demo
from scripts.clients.approvals import Approval, Prompt
from scripts.clients.render import Screen
from scripts.clients.stack import Stack
from scripts.clients.story import STEPS, Step, StepFailed, World
from scripts.clients.view import View


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def view(screen: io.StringIO) -> View:
    return View(Console(file=screen, width=100, highlight=False))


def run(view: View, tmp_path: Path, *steps: Step) -> list[dict[str, object]]:
    return demo.play(steps, World(view, Stack(tmp_path / "data")), view)


def fine(_: World) -> None:
    pass


def broken(_: World) -> None:
    raise StepFailed("the sky is green")


def surprised(_: World) -> None:
    raise KeyError("surprise")


def test_the_story_has_at_least_fourteen_named_and_explained_steps() -> None:
    assert len(STEPS) >= 14
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert all(step.why.endswith(".") for step in STEPS)


def test_every_step_has_its_name_outcome_and_time(view: View, tmp_path: Path) -> None:
    results = run(view, tmp_path, Step("One", "Why.", fine), Step("Two", "Why.", fine))
    assert [(r["name"], r["ok"]) for r in results] == [("One", True), ("Two", True)]
    assert all(isinstance(r["ms"], int) for r in results)


def test_the_story_ends_at_the_step_that_failed_and_names_it(
    view: View, screen: io.StringIO, tmp_path: Path
) -> None:
    results = run(
        view,
        tmp_path,
        Step("One", "Why.", fine),
        Step("Two", "Why.", broken),
        Step("Three", "Why.", fine),
    )
    assert [(r["name"], r["ok"]) for r in results] == [("One", True), ("Two", False)]
    assert "failed at step 2: Two" in screen.getvalue()
    assert "the sky is green" in screen.getvalue()
    assert "Traceback" not in screen.getvalue()


def test_an_unexpected_failure_says_where_it_came_from(
    view: View, screen: io.StringIO, tmp_path: Path
) -> None:
    run(view, tmp_path, Step("One", "Why.", surprised))
    assert "KeyError" in screen.getvalue()
    assert "surprised" in screen.getvalue()


def test_connections_end_with_the_story(view: View, tmp_path: Path) -> None:
    world = World(view, Stack(tmp_path / "data"))
    api = world.connect("http://127.0.0.1:9")
    demo.play((Step("One", "Why.", broken),), world, view)
    with pytest.raises(RuntimeError, match="closed"):
        api.call("GET", "/")


def play_main(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: tuple[Step, ...], *more: str
) -> int:
    monkeypatch.setattr(demo, "STEPS", steps)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return demo.main(["--data", str(tmp_path / "data"), *more])


def test_json_is_one_object_alone_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = (Step("One", "Why.", fine), Step("Two", "Why.", broken))
    assert play_main(monkeypatch, tmp_path, steps, "--json") == 1
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer.keys() == {"steps", "ok"}
    assert answer["ok"] is False
    assert [step.keys() for step in answer["steps"]] == [{"name", "ok", "ms"}] * 2
    assert "Two" in err


def test_a_story_that_holds_ends_with_zero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play_main(monkeypatch, tmp_path, (Step("One", "Why.", fine),), "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_an_interrupted_story_is_no_success(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(_: World) -> None:
        raise KeyboardInterrupt

    assert play_main(monkeypatch, tmp_path, (Step("One", "Why.", interrupted),)) == 130


def test_markup_and_escapes_of_others_are_printed_as_text(view: View, screen: io.StringIO) -> None:
    approval = Approval(
        approval_id=UUID(int=1),
        template="sign_in/1",
        nonce="n",
        action=b"{}",
        digest=b"d",
        requester="[red]me[/red]",
        expires_at="",
    )
    lines = (("Browser", "[bold]x[/bold]"),)
    view.phone(Prompt(approval, Screen("Is this you?", lines, b"d")))
    view.table("[b]t[/b]", ("[i]c[/i]",), [["\x1b[2Jgone"]])
    view.say("\x1b]0;title\x07")
    shown = screen.getvalue()
    assert "[bold]x[/bold]" in shown
    assert "[red]me[/red]" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b]0" not in shown


def test_waiting_for_a_code_is_said(view: View, screen: io.StringIO) -> None:
    with view.step(1, 1, "One", "Why."):
        view.wait(12.4)
    view.code("123456", -1)
    assert "waiting 12 s" in screen.getvalue()
    assert "123456 of step T-1" in screen.getvalue()
