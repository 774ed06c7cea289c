"""The runner: which drills, their JSON, their exit status. And Welch's t, by hand."""

import json
import random

import pytest

from scripts.drills.__main__ import DRILLS, main
from scripts.drills.common import Ask, Drill, DrillFailed, Verdict
from scripts.drills.welch import BOUND, t_value, worst_t


def drill(number: int, *, passed: bool) -> Drill:
    def run(ask: Ask) -> Verdict:
        return Verdict(passed, {"seed": ask.seed, "n": ask.n})

    return Drill(id=f"D{number}", name=f"drill-{number}", about="something holds", run=run)


GOOD, BAD = drill(1, passed=True), drill(2, passed=False)


def test_one_object_says_what_was_drilled_and_how_it_went(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--json", "--seed", "7", "--n", "3"], [GOOD, BAD]) == 1
    told = json.loads(capsys.readouterr().out)
    figures = {"seed": 7, "n": 3}
    assert told == {
        "drills": [
            {"id": "D1", "name": "drill-1", "passed": True, "figures": figures},
            {"id": "D2", "name": "drill-2", "passed": False, "figures": figures},
        ],
        "passed": 1,
        "failed": 1,
    }


@pytest.mark.parametrize("arguments", [["drill-1"], ["--only", "D1"]])
def test_only_what_was_asked_for_is_drilled(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"], [GOOD, BAD]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["drills"]] == ["D1"]


def test_listing_drills_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"], [GOOD, BAD]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "D1  drill-1: something holds",
        "D2  drill-2: something holds",
    ]


def test_without_a_verdict_nothing_has_passed(capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: Ask) -> Verdict:
        raise DrillFailed("nothing was measured")

    assert main(["--json"], [Drill("D3", "drill-3", "x", run)]) == 2
    assert capsys.readouterr().out == ""


def test_an_unknown_id_is_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--only", "D99"], [GOOD])
    assert refused.value.code == 2


def test_ids_and_names_are_unique() -> None:
    assert len({one.id for one in DRILLS}) == len({one.name for one in DRILLS}) == len(DRILLS)


def test_welchs_t_of_a_worked_example() -> None:
    # Means 3 and 6, variances 2.5 and 10 of five each: -3 / sqrt(0.5 + 2).
    assert t_value([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]) == pytest.approx(-1.8974, abs=1e-4)
    assert t_value([1, 1], [1, 1]) == 0
    assert t_value([1, 1], [2, 2]) < -BOUND


def test_a_difference_below_a_long_tail_is_found_and_none_is_not_invented() -> None:
    draw = random.Random(4)  # noqa: S311 - a fixed draw: this test is about the formula

    def delays(more: float) -> list[float]:
        tail = (draw.expovariate(1) * 50 if draw.random() < 0.05 else 0.0 for _ in range(10_000))
        return [draw.gauss(10 + more, 1) + late for late in tail]

    same, other, slower = delays(0), delays(0), delays(0.2)
    assert worst_t(same, other) < BOUND
    assert worst_t(same, slower) > BOUND
