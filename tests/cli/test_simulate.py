"""``agentcron simulate``: what the jobs would do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.held_clock import hold_clock

from .conftest import Command


@pytest.fixture(autouse=True)
def _held(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many slots lie in so many days, and which nights are over, depends on when one asks."""
    hold_clock(monkeypatch, datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC))


def add(agentcron: Command, name: str, schedule: str, *options: str) -> None:
    assert agentcron("add", name, schedule, "Do it", "--agent", "echo", *options).code == 0


def test_a_person_is_told_an_agenda_what_overlaps_and_the_busiest_moment(agentcron: Command) -> None:
    add(agentcron, "report", "0 9 * * *")
    add(agentcron, "poll", "*/10 * * * *")
    done = agentcron("simulate", "--days", "2", "--assume-duration", "15m")
    assert done.code == 0
    assert "report" in done.out
    assert "15m (assumed)" in done.out
    assert "Agenda" in done.out
    assert "09:00 report" in done.out
    assert "slots find the run before still open" in done.out
    assert "of 10 agents at once" in done.out


def test_as_json_every_run_is_there_and_what_was_skipped(agentcron: Command) -> None:
    add(agentcron, "poll", "*/10 * * * *")
    told = agentcron("simulate", "--days", "1", "--assume-duration", "15m", "--json").json
    [job] = told["jobs"]
    assert job["name"] == "poll"
    assert job["runs"] == len(told["runs"]) == 72
    assert job["skipped"] == {"overlap": 72}
    assert job["expected"] == {
        "mean_seconds": 900.0, "p95_seconds": None, "tokens": 0, "cost_usd": 0.0, "runs_of_history": 0,
    }  # fmt: skip
    first = told["runs"][0]
    begun = datetime.fromisoformat(first["starts"]) - datetime.fromisoformat(first["scheduled_for"])
    assert timedelta(0) <= begun < timedelta(seconds=1)
    assert told["busiest"]["agents"] == 1
    assert datetime.fromisoformat(told["end"]) - datetime.fromisoformat(told["start"]) == timedelta(days=1)


def test_what_a_run_takes_is_read_from_the_history(agentcron: Command) -> None:
    add(agentcron, "report", "0 9 * * *")
    assert agentcron("run", "report", "--wait").code == 0
    [job] = agentcron("simulate", "--days", "3", "--json").json["jobs"]
    assert job["expected"]["runs_of_history"] == 1
    assert job["expected"]["mean_seconds"] < 60


def test_only_the_jobs_that_are_named_are_simulated(agentcron: Command) -> None:
    add(agentcron, "one", "0 9 * * *")
    add(agentcron, "two", "0 10 * * *")
    told = agentcron("simulate", "two", "--days", "2", "--json").json
    assert [job["name"] for job in told["jobs"]] == ["two"]
    assert agentcron("simulate", "three").code == 3


def test_nothing_is_written_to_the_store(agentcron: Command) -> None:
    add(agentcron, "poll", "*/10 * * * *")
    before = agentcron("show", "poll", "--json").out, agentcron("runs", "--all", "--json").out
    assert agentcron("simulate", "--days", "1").code == 0
    assert (agentcron("show", "poll", "--json").out, agentcron("runs", "--all", "--json").out) == before


def test_nights_without_a_scheduler_show_what_is_missed(agentcron: Command) -> None:
    add(agentcron, "nightly", "0 3 * * *", "--catch-up", "skip")
    done = agentcron("simulate", "--days", "3", "--down", "23:00-07:00")
    assert "3 too_late" in done.out
    assert "slots are missed, first" in done.out


def test_a_paused_job_is_said_not_to_run(agentcron: Command) -> None:
    add(agentcron, "still", "0 3 * * *")
    agentcron("pause", "still")
    assert "still: does not run, it is PAUSED" in agentcron("simulate", "--days", "3").out


def test_bad_options_are_one_clear_line(agentcron: Command) -> None:
    assert agentcron("simulate", "--down", "25:00-1:00").code == 2
    assert "write 23:00-07:00" in agentcron("simulate", "--down", "25:00-1:00").err
    assert "cannot be read" in agentcron("simulate", "--assume-duration", "soon").err
    assert agentcron("simulate", "--days", "0").code == 2


def test_without_jobs_it_says_how_to_make_one(agentcron: Command) -> None:
    done = agentcron("simulate")
    assert done.code == 0
    assert "agentcron add" in done.out


def test_jobs_of_one_name_are_counted_each_for_itself(agentcron: Command) -> None:
    for schedule in ("@daily", "0 */12 * * *"):
        agentcron("add", "report", schedule, "x", "--agent", "echo", "--timezone", "UTC")
    told = agentcron("simulate", "--days", "2", "--json").json
    assert sorted(one["runs"] for one in told["jobs"]) == [2, 4]
