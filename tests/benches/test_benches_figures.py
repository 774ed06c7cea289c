"""Statistics and the shape of a result; no figure of a machine is asserted anywhere."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.benches import __main__ as command
from scripts.benches.common import (
    BenchFailed,
    Result,
    flat,
    machine,
    median,
    micros,
    percentile,
    spread,
)
from scripts.benches.sign import Series

FIGURES = {"one_client": {"ours": {"p50_us": 10}}, "load_average": [0.5, 0.25]}


@pytest.mark.parametrize(
    ("percent", "found"), [(0, 1), (1, 1), (50, 5), (51, 6), (90, 9), (99, 10), (100, 10)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, found: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == found


def test_nothing_measured_is_no_figure() -> None:
    for statistic in (median, lambda values: percentile(values, 50)):
        with pytest.raises(BenchFailed):
            statistic([])


def test_latencies_are_told_in_whole_microseconds() -> None:
    assert micros(0.0012346) == 1235
    assert spread([0.001, 0.002, 0.003]) == {"p50_us": 2000, "p99_us": 3000}


def test_the_ratio_is_that_of_the_medians_of_the_rounds() -> None:
    # A disturbed round counts as one round, however many orders it had.
    series = Series(
        ours=[[0.002, 0.002, 0.9], [0.004, 0.004, 0.004], [0.5] * 9],
        bare=[[0.001, 0.001, 0.001], [0.7, 0.7, 0.7], [0.002, 0.002, 0.002]],
    )
    assert series.ratio == 2
    figures = series.figures()
    assert figures["rounds"] == 3
    assert figures["lowest_and_highest_of_a_round"] == [0.01, 250]


def test_a_result_is_one_object_with_five_members() -> None:
    shown = json.loads(Result("sign", 1.23456, 1.5, FIGURES).as_json())
    assert shown == {"bench": "sign", "ratio": 1.235, "goal": 1.5, "ok": True, "figures": FIGURES}
    assert Result("sign", 1.5, 1.5, {}).ok
    assert not Result("sign", 1.51, 1.5, {}).ok


def test_a_goal_may_be_a_floor() -> None:
    assert [Result("i", ratio, 0.5, {}, goal_is_floor=True).ok for ratio in (0.49, 0.5, 2)] == [
        False,
        True,
        True,
    ]


def test_the_table_has_every_figure_with_its_full_name() -> None:
    assert list(flat(FIGURES)) == [("one_client ours p50_us", "10"), ("load_average", "0.5, 0.25")]
    screen = io.StringIO()
    Result("sign", 1.6, 1.5, FIGURES).show(Console(file=screen, width=100))
    for words in ("bench sign", "1.60 (goal 1.5: missed)", "one_client ours p50_us"):
        assert words in screen.getvalue()


def test_the_machine_says_its_cores_its_load_and_what_a_durable_write_takes(
    tmp_path: Path,
) -> None:
    figures = machine(tmp_path)
    assert figures["cores"] >= 1
    assert len(figures["load_average"]) == 3
    assert figures["durable_write_us"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ratio", "status"), [(1.0, 0), (9.0, 1)])
def test_json_goes_alone_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ratio: float, status: int
) -> None:
    def bench(console: Console) -> Result:
        console.print("progress")
        return Result("sign", ratio, 1.5, FIGURES)

    monkeypatch.setitem(command.BENCHES, "sign", bench)
    assert command.main(["sign", "--json"]) == status
    written = capsys.readouterr()
    assert json.loads(written.out)["ratio"] == ratio
    assert written.out.count("\n") == 1
    assert written.err == "progress\n"
    assert command.main(["sign"]) == status
    assert "one_client ours p50_us" in capsys.readouterr().out


def test_a_bench_that_failed_says_why_and_prints_no_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bench(_: Any) -> Result:
        raise BenchFailed("[the sky] is green")

    monkeypatch.setitem(command.BENCHES, "sign", bench)
    assert command.main(["sign", "--json"]) == 1
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", "bench sign: [the sky] is green\n")
