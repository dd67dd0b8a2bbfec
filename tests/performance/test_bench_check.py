"""What `make bench` and `make bench-check` conclude from figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import results
from benchmarks.check import Cost, cost, regressions, to_json
from benchmarks.goals import MACHINE, OURS, Goal, Round, figure, judge, ratio, times_faster
from benchmarks.growth import exponent
from benchmarks.table import summary, table
from benchmarks.workloads import LIMITS, Column, Entry, Workload, full, short

KEPT = {
    "create": Cost(commits=300, relative_cpu=0.004, exact=True, most_commits=300),
    "burst": Cost(commits=6, relative_cpu=0.001, exact=False, most_commits=10),
}


def changed(name: str, **fields: float) -> list[str]:
    return regressions(KEPT, {**KEPT, name: replace(KEPT[name], **fields)})


def test_the_same_costs_are_no_regression() -> None:
    assert regressions(KEPT, KEPT) == []


def test_a_quarter_more_cpu_is_let_through_and_more_is_not() -> None:
    assert changed("burst", relative_cpu=0.00125) == []
    assert changed("burst", relative_cpu=0.001) == []
    [line] = changed("burst", relative_cpu=0.00126)
    assert line == "burst: +26% CPU against the calibration loop, more than +25%"


@pytest.mark.parametrize("commits", [299, 301])
def test_where_commits_are_exact_any_other_number_is_a_regression(commits: int) -> None:
    assert changed("create", commits=commits) == [f"create: {commits} commits, not 300"]


def test_where_runs_share_commits_only_too_many_are_a_regression() -> None:
    assert changed("burst", commits=3) == changed("burst", commits=10) == []
    assert changed("burst", commits=11) == ["burst: 11 commits, more than 10"]


def test_what_was_never_recorded_is_said() -> None:
    [line] = regressions({}, {"burst": KEPT["burst"]})
    assert "--record" in line


def test_the_cost_is_the_middle_of_the_cpu_and_the_most_of_the_commits() -> None:
    # The slow core of the second round shows in its calibration loop as well, and the third is an outlier.
    rounds = [
        {"commits": 4, "cpu_us": 50.0, "calibration_s": 0.05},
        {"commits": 7, "cpu_us": 100.0, "calibration_s": 0.10},
        {"commits": 4, "cpu_us": 500.0, "calibration_s": 0.05},
    ]
    found = cost(rounds, exact=False, most_commits=10)
    assert found.commits == 7
    assert found.relative_cpu == pytest.approx(0.001)


def a_round(ours: float, peer: float | None, limit: float = 100.0) -> Round:
    told: Round = {OURS: {"drain_s": ours}, MACHINE: {"commits_per_s": limit}}
    return told if peer is None else {**told, "peer": {"drain_s": peer}}


@pytest.mark.parametrize(("again", "code"), [(0.0011, 0), (0.0013, 1)], ids=["a neighbour's minute", "a change"])
def test_what_looks_dearer_is_measured_once_more(
    again: float, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.write_json("check", to_json(KEPT))
    measured = {
        "create": [KEPT["create"]],
        "burst": [replace(KEPT["burst"], relative_cpu=cpu) for cpu in (0.002, again)],
    }
    monkeypatch.setattr(program, "costs", lambda name: measured[name].pop(0))
    assert program.checked(record=False) == code
    assert not any(measured.values())


def test_a_ratio_is_taken_within_each_round_and_the_middle_decides() -> None:
    goal = Goal("times the peer", ratio("drain_s", "peer"), 1.0)
    rounds = [a_round(1, 2), a_round(30, 40), a_round(9, 3)]
    verdict = judge(goal, rounds)
    assert verdict.found == 0.75
    assert verdict.met


def test_a_goal_at_least_and_a_goal_at_most_are_met_on_their_bound() -> None:
    rounds = [a_round(2, 6)]
    assert judge(Goal("faster", times_faster("drain_s", "peer"), 3, at_least=True), rounds).met
    assert judge(Goal("seconds", figure("drain_s"), 2), rounds).met
    assert judge(Goal("faster", times_faster("drain_s", "peer"), 3.1, at_least=True), rounds).met is False
    assert judge(Goal("seconds", figure("drain_s"), 1.9), rounds).met is False


def test_a_peer_that_told_nothing_leaves_its_goal_open_and_is_named_in_the_table() -> None:
    goal = Goal("times the peer", ratio("drain_s", "peer"), 1.0)
    verdict = judge(goal, [a_round(1, None)])
    assert verdict.met is None
    entries = (Entry(OURS, "ours", "burst"), Entry("peer", "peer", "burst"), LIMITS)
    workload = Workload("burst", "a burst", entries, (Column("drain_s", "drained s"),), (goal,), "drain_s")
    text = table(workload, [a_round(1, None)], [verdict], {"peer": "no such package"})
    assert "not measured: no such package" in text
    assert "?     times the peer" in text
    assert "?     a burst" in summary({"a burst": [verdict]})


def test_the_programmes_name_each_workload_once_and_show_a_column_that_it_has() -> None:
    for programme in (short(), full()):
        names = [workload.name for workload in programme]
        assert len(set(names)) == len(names)
        for workload in programme:
            assert workload.shown in {column.key for column in workload.columns}
            assert OURS in {entry.label for entry in workload.entries}


@pytest.mark.parametrize("power", [0.0, 1.0, 1.9])
def test_growth_is_told_as_the_power_of_the_number(power: float) -> None:
    assert exponent([(n, 3 * n**power) for n in (1_000, 10_000, 1_000_000)]) == pytest.approx(power)
