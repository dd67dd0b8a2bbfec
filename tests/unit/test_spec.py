"""What a job may be made of, and how its fields are read and written."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentcron import CatchUp, InvalidJobError, InvalidScheduleError, Job, JobSpec, OnInterrupt, Overlap, RetryPolicy
from agentcron.domain.spec_fields import read_spec, write_changed, write_spec
from agentcron.schedule import CronSchedule, EverySchedule, OnceSchedule

LEAST = {"name": "n", "prompt": "p", "schedule": "0 9 * * *"}


def spec(**values: Any) -> JobSpec:
    return read_spec({**LEAST, **values})


def test_the_defaults_are_those_that_the_docs_state() -> None:
    made = spec()
    assert (made.overlap, made.catch_up, made.on_interrupt) == (Overlap.SKIP, CatchUp.LATEST, OnInterrupt.RECORD)
    assert (made.misfire_grace, made.timeout) == (timedelta(seconds=60), timedelta(hours=1))
    assert (made.retry.attempts, made.retry.creation_attempts, made.pause_after_failures) == (1, 3, 10)
    assert (made.max_runs, made.catch_up_window, made.agent) == (None, None, "background-job")


def test_a_job_has_every_field_of_what_a_person_wrote() -> None:
    assert [field.name for field in fields(JobSpec) if not hasattr(Job, field.name)] == []


def test_every_field_can_be_read_written_and_read_again() -> None:
    made = spec(
        start_at="2026-01-01T00:00",
        end_at="2027-01-01T00:00:00+02:00",
        max_runs="3",
        jitter="5m",
        overlap="cancel-other",
        catch_up="all",
        catch_up_max=4,
        catch_up_window=7200,
        misfire_grace="2m",
        timeout=timedelta(seconds=3),
        retry={"attempts": 5, "backoff": "1s", "jitter": "0.5"},
        on_interrupt="retry",
        pause_after_failures=0,
        priority=-2,
        metadata={"a": {"b": [1, None]}},
        tags="x, y, x",
        timezone="Europe/Berlin",
    )
    text = json.dumps(write_spec(made))
    assert read_spec(json.loads(text)) == made
    assert made.tags == ("x", "y")
    assert made.start_at == datetime(2025, 12, 31, 23, 0, tzinfo=UTC)
    assert set(json.loads(text)) >= {field.name for field in fields(JobSpec)} - {"schedule"}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"schedule": "every 90s"}, EverySchedule),
        ({"every": "90s"}, EverySchedule),
        ({"every": timedelta(seconds=90)}, EverySchedule),
        ({"at": "2030-01-01T09:00"}, OnceSchedule),
        ({"at": datetime(2030, 1, 1, tzinfo=UTC)}, OnceSchedule),
        ({"schedule": "at 2030-01-01T09:00"}, OnceSchedule),
        ({"cron_expression": "@daily"}, CronSchedule),
        ({"schedule": CronSchedule("@daily", "Asia/Tokyo")}, CronSchedule),
    ],
)
def test_a_schedule_may_be_given_in_several_ways(values: dict[str, Any], kind: type) -> None:
    made = read_spec({"name": "n", "prompt": "p", **values})
    assert isinstance(made.schedule, kind)
    assert read_spec(write_spec(made)) == made


@pytest.mark.parametrize("schedule", [{"schedule": "every 10m"}, {"every": "10m"}, {"every": timedelta(minutes=10)}])
def test_an_interval_has_the_zone_of_its_job_and_wall_times_are_read_in_it(schedule: dict[str, Any]) -> None:
    values = {"name": "n", "prompt": "p", "timezone": "Europe/Berlin", "start_at": "2030-07-01T00:00", **schedule}
    made = read_spec(values)
    assert (made.schedule.timezone, made.start_at) == ("Europe/Berlin", datetime(2030, 6, 30, 22, tzinfo=UTC))
    assert read_spec(json.loads(json.dumps(write_spec(made)))) == made
    moved = read_spec({"timezone": "Asia/Tokyo"}, base=made)
    assert moved.schedule == EverySchedule(timedelta(minutes=10), timezone="Asia/Tokyo")
    assert read_spec({"cron_expression": "0 9 * * *"}, base=made).schedule.timezone == "Europe/Berlin"


def test_the_anchor_of_an_interval_is_read_in_its_zone() -> None:
    made = spec(schedule=None, every="10m", anchor="2030-07-01T00:00", timezone="Europe/Berlin")
    assert made.schedule == EverySchedule(timedelta(minutes=10), datetime(2030, 6, 30, 22, tzinfo=UTC), "Europe/Berlin")


def test_an_edit_of_the_zone_alone_keeps_the_expression() -> None:
    edited = read_spec({"timezone": "Asia/Tokyo"}, base=spec())
    assert edited.schedule == CronSchedule("0 9 * * *", "Asia/Tokyo")


def test_an_edit_of_the_expression_alone_keeps_the_zone() -> None:
    edited = read_spec({"cron_expression": "0 8 * * *"}, base=spec(timezone="Asia/Tokyo"))
    assert edited.schedule == CronSchedule("0 8 * * *", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "  "}, "name: is empty"),
        ({"name": "a\nb"}, "name: holds a control character"),
        ({"name": "x" * 201}, "name: has 201 characters; at most 200"),
        ({"name": 7}, "name: 7 is not text"),
        ({"prompt": ""}, "prompt: is empty"),
        ({"prompt": "a\0b"}, "prompt: holds a NUL"),
        ({"prompt": "a\ud800"}, "prompt: holds half of a character"),
        ({"name": "a\ud800"}, "name: holds a control character"),
        ({"prompt": "x" * (1 << 20) + "y"}, "prompt: is longer than"),
        ({"agent": ""}, "agent: is empty"),
        ({"overlap": "maybe"}, "overlap: 'maybe' is not one of skip, buffer_one"),
        ({"catch_up": "some"}, "catch_up: 'some' is not one of skip, latest, all"),
        ({"timeout": "soon"}, "timeout: 'soon' is not a duration; write 30s, 5m, 2h or 1d"),
        ({"timeout": "0s"}, "timeout: must be more than 0"),
        ({"timeout": True}, "timeout: True is not a duration"),
        ({"timeout": "31d"}, "timeout: must be more than 0 and at most 30d"),
        ({"misfire_grace": -1}, "misfire_grace: is negative"),
        ({"jitter": "13h"}, "jitter: 13h is more than half the schedule's period; at most 12h"),
        ({"max_runs": 0}, "max_runs: 0 is out of range"),
        ({"max_runs": "many"}, "max_runs: 'many' is not a whole number"),
        ({"max_runs": "１"}, "is not a whole number"),
        ({"retry": "attempts=x"}, r"retry.attempts: 'x' is not a whole number"),
        ({"retry": "tries=3"}, "retry: 'tries' is not one of attempts, backoff"),
        ({"retry": 0}, "retry: attempts 0 is out of range"),
        ({"retry": {"attempts": [1]}}, "retry: .* is not a retry policy"),
        ({"retry": "attempts=2,backoff=1h,max_backoff=1m"}, "backoff must be 0 or more and at most max_backoff"),
        ({"start_at": "tomorrow"}, "start_at: 'tomorrow' is not an instant"),
        ({"start_at": datetime(2026, 1, 1)}, "start_at: .* is not an instant"),
        ({"start_at": "2027-01-01T00:00Z", "end_at": "2026-01-01T00:00Z"}, "end_at: .* is before start_at"),
        ({"metadata": {"a": {1, 2}}}, "metadata: cannot be written as JSON"),
        ({"metadata": {"a": float("nan")}}, "metadata: cannot be written as JSON"),
        ({"metadata": [1]}, "metadata: .* is not a mapping"),
        ({"metadata": {"a": "x" * 70_000}}, "metadata: takes"),
        ({"tags": ["a b"]}, "tags: 'a b' is not a tag"),
        ({"tags": 3}, "tags: 3 is not a list"),
        ({"priority": 5000}, "priority: 5000 is out of range"),
        ({"promt": "x"}, "promt: is not a field of a job; did you mean prompt"),
        ({"cron_expression": "* * * * *"}, "schedule: cron_expression is given too"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(values: dict[str, Any], words: str) -> None:
    with pytest.raises((InvalidJobError, InvalidScheduleError), match=words) as caught:
        spec(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{"schedule": "61 * * * *", "agent": ""}, {"timezone": "Mars/Base", "timeout": "x"}])
def test_errors_of_the_schedule_come_first(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidScheduleError):
        spec(**values)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidScheduleError, match="schedule: is missing"):
        read_spec({"name": "n", "prompt": "p"})
    with pytest.raises(InvalidJobError, match="prompt: is missing"):
        read_spec({"name": "n", "schedule": "@daily"})


def test_backoff_grows_is_bounded_and_spread_the_same_for_the_same_key() -> None:
    policy = RetryPolicy(backoff=timedelta(seconds=10), max_backoff=timedelta(minutes=1), jitter=0.2)
    waits = [policy.wait(number, "x").total_seconds() for number in (1, 2, 3, 9, 5000)]
    assert [8 <= waits[0] <= 10, 16 <= waits[1] <= 20, 32 <= waits[2] <= 40] == [True] * 3
    assert all(48 <= wait <= 60 for wait in waits[3:])
    assert policy.wait(3, "x") == policy.wait(3, "x") != policy.wait(3, "y")


def test_what_a_store_keeps_leaves_out_defaults_and_is_read_back_to_the_same() -> None:
    assert write_changed(spec()) == {"name": "n", "cron_expression": "0 9 * * *", "timezone": "UTC", "prompt": "p"}
    rich = spec(overlap="buffer_all", retry=3, tags="a,b", metadata={"a": 1}, max_runs=2, timeout="5m")
    assert set(write_changed(rich)) >= {"overlap", "retry", "tags", "metadata", "max_runs", "timeout"}
    assert read_spec(write_changed(rich)) == rich


def test_a_default_that_stored_jobs_rely_on_has_not_changed() -> None:
    """What is left out of a stored spec is read as the default: changing one changes every job that was made with it.
    Where a default must change, a migration writes the former one into what is stored."""
    values = write_spec(spec())
    relied_on = {
        "agent": "background-job", "start_at": None, "end_at": None, "max_runs": None, "tags": [], "jitter": "0s",
        "overlap": "skip", "catch_up": "latest", "catch_up_max": 10, "catch_up_window": None, "misfire_grace": "1m",
        "timeout": "1h", "on_interrupt": "record", "pause_after_failures": 10, "priority": 0, "metadata": {},
        "retry": {
            "attempts": 1, "backoff": "30s", "factor": 2.0, "max_backoff": "30m", "jitter": 0.2, "creation_attempts": 3
        },
    }  # fmt: skip
    assert {name: values[name] for name in relied_on} == relied_on
