"""What users are told of the days to come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Usage
from agentcron.domain.spec_fields import read_spec
from agentcron.errors import InvalidScheduleError
from agentcron.testing import simulate
from agentcron.testing.simulation import Expected

START = datetime(2026, 3, 16, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_each_slot_fires_at_its_time_and_takes_as_long_as_is_expected() -> None:
    told = simulate([{"name": "daily", "schedule": "0 9 * * *"}], days=3, start=START, assume_duration=7 * MINUTE)
    nine = [START + timedelta(days=day, hours=9) for day in range(3)]
    assert [one.slot for one in told.firings] == nine
    for one in told.firings:
        assert timedelta(0) <= one.starts - one.slot < timedelta(seconds=1)
        assert abs(one.ends - one.starts - 7 * MINUTE) < timedelta(seconds=1)
    assert (told.of("daily").runs, told.of("daily").late, dict(told.of("daily").skipped)) == (3, 0, {})


def test_a_run_that_is_longer_than_the_period_skips_slots_or_makes_them_wait_as_the_policy_says() -> None:
    jobs = [
        {"name": "skips", "schedule": "*/5 9 * * *", "overlap": "skip"},
        {"name": "waits", "schedule": "*/5 9 * * *", "overlap": "buffer_all"},
        {"name": "beside", "schedule": "*/5 9 * * *", "overlap": "allow_all"},
    ]
    told = simulate(jobs, days=1, start=START, assume_duration=8 * MINUTE)
    assert (told.of("skips").runs, dict(told.of("skips").skipped)) == (6, {"overlap": 6})
    assert told.of("skips").first_skipped == START + timedelta(hours=9, minutes=5)
    assert (told.of("waits").runs, told.of("waits").late, dict(told.of("waits").skipped)) == (12, 11, {})
    assert (told.of("beside").runs, told.of("beside").late) == (12, 0)


def test_places_bound_what_runs_at_once_and_the_busiest_moment_is_told() -> None:
    jobs = [{"name": f"job-{number}", "schedule": "0 9 * * *"} for number in range(5)]
    told = simulate(jobs, days=1, start=START, places=2, assume_duration=10 * MINUTE)
    assert (told.most, told.places) == (2, 2)
    assert told.busiest is not None
    assert told.busiest - START - timedelta(hours=9) < timedelta(seconds=1)
    assert sum(one.late for one in told.jobs) == 3


def test_a_night_without_a_scheduler_is_caught_up_or_missed_as_the_policy_says() -> None:
    jobs = [
        {"name": "caught", "schedule": "0 3 * * *", "catch_up_window": "12h"},
        {"name": "missed", "schedule": "0 3 * * *", "catch_up": "skip"},
    ]
    night = (START + timedelta(hours=1), START + timedelta(hours=8))
    told = simulate(jobs, days=1, start=START, down=[night])
    [run] = told.firings
    assert (run.job, run.slot) == ("caught", START + timedelta(hours=3))
    assert run.starts >= night[1]
    assert dict(told.of("missed").missed) == {"too_late": 1}
    assert told.of("missed").first_missed == START + timedelta(hours=3)


def test_changes_of_the_clock_are_told_with_the_local_times() -> None:
    spring = simulate([{"name": "fixed", "schedule": "30 2 * * *", "timezone": "Europe/Berlin"}], days=20, start=START)
    [gap] = spring.clock_changes
    assert gap.sentence == "02:30 does not exist on 2026-03-29 in Europe/Berlin: the job runs at 03:00 CEST"
    assert list(gap.slots) == [datetime(2026, 3, 29, 1, tzinfo=UTC)]
    autumn = simulate(
        [
            {"name": "fixed", "schedule": "30 2 * * *", "timezone": "Europe/Berlin"},
            {"name": "twice", "schedule": "*/30 2 * * *", "timezone": "Europe/Berlin"},
            {"name": "always", "schedule": "*/30 * * * *", "timezone": "Europe/Berlin"},
        ],
        days=2,
        start=datetime(2026, 10, 24, tzinfo=UTC),
    )
    assert [(one.job, one.sentence) for one in autumn.clock_changes] == [
        ("twice", "02:00 comes twice on 2026-10-25 in Europe/Berlin: the job runs twice, at 02:00 CEST and 02:00 CET"),
        ("fixed", "02:30 comes twice on 2026-10-25 in Europe/Berlin: the job runs once, at 02:30 CEST"),
        ("twice", "02:30 comes twice on 2026-10-25 in Europe/Berlin: the job runs twice, at 02:30 CEST and 02:30 CET"),
    ]
    assert len([one for one in autumn.firings if one.job == "always"]) == 2 * 48 - 1


def test_what_is_told_of_a_change_of_the_clock_is_what_happens() -> None:
    jobs = [
        {"name": "fixed", "schedule": "30 2 * * *", "timezone": "Europe/Berlin"},
        {"name": "howe", "schedule": "15 2 * * *", "timezone": "Australia/Lord_Howe"},
        {"name": "york", "schedule": "*/20 1 * * *", "timezone": "America/New_York"},
    ]
    told = simulate(jobs, days=366, start=datetime(2026, 1, 1, tzinfo=UTC), assume_duration=MINUTE)
    assert {one.job for one in told.clock_changes} == {"fixed", "howe", "york"}
    fired = {(one.job, one.slot) for one in told.firings}
    for change in told.clock_changes:
        assert all((change.job, slot) in fired for slot in change.slots)


def test_a_stored_job_goes_on_where_it_stands() -> None:
    made = changes.create(read_spec({"name": "two", "prompt": "p", "schedule": "every 1h", "max_runs": 3}), "j", START)
    assert made.job_after is not None
    told = simulate([made.job_after.evolve(runs=1)], days=1, start=START)
    assert told.of("two").runs == 2


def test_a_paused_job_does_not_run() -> None:
    made = changes.create(read_spec({"name": "still", "prompt": "p", "schedule": "every 1h"}), "j", START)
    assert made.job_after is not None
    paused = changes.pause(made.job_after, START, lambda: "x")
    assert paused is not None
    assert paused.job_after is not None
    assert simulate([paused.job_after], days=1, start=START).firings == []


def test_what_is_expected_comes_from_the_runs_that_were_not_interrupted() -> None:
    ended = Execution(
        id="a", job_id="j", version=1, at=START, status=ExecutionStatus.SUCCESS, begun=True, start_time=START,
        end_time=START + MINUTE, usage=Usage(input_tokens=100, output_tokens=20), cost_usd=Decimal("0.02"),
    )  # fmt: skip
    rows = [ended, replace(ended, end_time=START + 3 * MINUTE), replace(ended, status=ExecutionStatus.INCOMPLETE)]
    expected = Expected.of(rows)
    assert (expected.mean, expected.p95, expected.runs) == (2 * MINUTE, 3 * MINUTE, 2)
    assert (expected.tokens, expected.cost_usd) == (120, Decimal("0.02"))
    assert Expected.of([], 9 * MINUTE) == Expected(mean=9 * MINUTE)


def test_a_bad_schedule_is_refused_as_it_is_when_a_job_is_created() -> None:
    with pytest.raises(InvalidScheduleError):
        simulate([{"name": "never", "schedule": "0 0 30 2 *"}])


async def test_beside_a_running_loop_it_runs_in_a_thread() -> None:
    told = await asyncio.to_thread(simulate, [{"name": "daily", "schedule": "@daily"}], days=2, start=START)
    assert told.of("daily").runs == 1


def test_a_year_of_fifty_daily_jobs_is_told() -> None:
    jobs = [{"name": f"job-{number}", "schedule": f"{number} {number % 24} * * 1"} for number in range(50)]
    told = simulate(jobs, days=365, start=START, assume_duration=MINUTE)
    assert len(told.firings) == sum(one.runs for one in told.jobs) >= 50 * 52


def test_a_simulated_month_looks_at_nothing_and_finds_every_gate_open(tmp_path: Path) -> None:
    job = {
        "name": "watch", "schedule": "0 9 * * *", "when_changed": ["url:http://127.0.0.1:9/", "file:nowhere"],
        "expect": {"command": ["touch", str(tmp_path / "touched")]},
    }  # fmt: skip
    told = simulate([job], days=30, start=START)
    assert (told.of("watch").runs, dict(told.of("watch").skipped)) == (30, {})
    assert list(tmp_path.iterdir()) == []
