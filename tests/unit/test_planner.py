"""What becomes of the slots that are due."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.planner import account, is_too_late, plan
from agentcron.domain.plans import Plan, ToCancel
from agentcron.domain.spec_fields import read_spec
from agentcron.errors import InvalidScheduleError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

Told = list[tuple[str, str | None, int]]


def make(schedule: str = "every 1m", **fields: Any) -> Job:
    state = {name: fields.pop(name) for name in ("open", "runs", "streak") if name in fields}
    made = changes.create(read_spec({"name": "j", "prompt": "p", "schedule": schedule, **fields}), "job", NOW)
    assert made.job_after is not None
    return made.job_after.evolve(**state)


def ids() -> Any:
    numbers = itertools.count()
    return lambda: f"id-{next(numbers)}"


def planned(job: Job, now: datetime) -> Plan:
    made = plan(job, now, ids())
    assert made is not None
    return made


def told(rows: tuple[Execution, ...]) -> Told:
    return [(row.status.value, row.reason, row.slots) for row in rows]


RUN = ("PENDING", None, 1)


def test_nothing_is_planned_before_the_first_slot() -> None:
    assert plan(make(), NOW + 59 * SECOND, ids()) is None


def test_a_slot_on_time_is_one_pending_row_and_the_calendar_moves_on() -> None:
    made = planned(make(), NOW + MINUTE)
    assert told(made.rows) == [RUN]
    assert made.rows[0].scheduled_for == NOW + MINUTE
    assert made.job_after is not None
    assert made.job_after.next_slot == made.job_after.next_run == NOW + 2 * MINUTE


def test_a_slot_within_the_misfire_grace_is_on_time() -> None:
    job = make("every 1h", catch_up="skip")
    assert told(planned(job, NOW + HOUR + 60 * SECOND).rows) == [RUN]
    assert told(planned(job, NOW + HOUR + 61 * SECOND).rows) == [("MISSED", "too_late", 1)]


@pytest.mark.parametrize(
    ("fields", "now", "expected"),
    [
        ({"catch_up": "skip"}, 5.5, [("MISSED", "too_late", 5)]),
        ({"catch_up": "latest"}, 5.5, [("MISSED", "coalesced", 4), RUN]),
        ({"catch_up": "all"}, 5.5, [RUN] * 5),
        ({"catch_up": "all", "catch_up_max": 2}, 5.5, [("MISSED", "coalesced", 3), RUN, RUN]),
        ({"catch_up": "all", "catch_up_window": "2h"}, 5.5, [("MISSED", "too_late", 3), RUN, RUN]),
        (
            {"catch_up": "all", "catch_up_window": "3h", "catch_up_max": 1},
            5.5,
            [("MISSED", "too_late", 2), ("MISSED", "coalesced", 2), RUN],
        ),
        (
            {"catch_up": "latest", "catch_up_window": "10m"},
            5.5,
            [("MISSED", "coalesced", 4), ("MISSED", "too_late", 1)],
        ),
        # On the hour the newest slot is on time and stands for the late ones.
        ({"catch_up": "latest"}, 5, [("MISSED", "coalesced", 4), RUN]),
        ({"catch_up": "skip"}, 5, [("MISSED", "too_late", 4), RUN]),
        # Catch-up chooses first; overlap then judges the fresh slot.
        ({"catch_up": "all"}, 5, [RUN] * 4 + [("SKIPPED", "overlap", 1)]),
        ({"catch_up": "all", "overlap": "buffer_all"}, 5, [RUN] * 5),
    ],
)
def test_catch_up_after_hours_without_a_scheduler(fields: dict[str, Any], now: float, expected: Told) -> None:
    assert told(planned(make("every 1h", **fields), NOW + now * HOUR).rows) == expected


def test_a_daily_job_of_a_machine_that_slept_runs_once_when_it_wakes() -> None:
    job = make("0 9 * * *")
    made = planned(job, datetime(2026, 3, 5, 15, 0, tzinfo=UTC))
    assert told(made.rows) == [("MISSED", "coalesced", 3), RUN]
    assert made.rows[1].scheduled_for == datetime(2026, 3, 5, 9, 0, tzinfo=UTC)


def test_after_a_day_a_late_slot_is_past_its_use() -> None:
    job = make("0 9 1 * *")
    assert told(planned(job, datetime(2026, 4, 2, 9, 1, tzinfo=UTC)).rows) == [("MISSED", "too_late", 1)]
    assert told(planned(job, datetime(2026, 4, 2, 8, 59, tzinfo=UTC)).rows) == [RUN]


def test_catch_up_runs_wait_for_one_another_whatever_the_overlap() -> None:
    made = planned(make("every 1h", catch_up="all", overlap="allow_all"), NOW + 3.5 * HOUR)
    assert {row.lane for row in made.rows} == {"job"}


@pytest.mark.parametrize(
    ("overlap", "open_now", "expected", "to_cancel"),
    [
        ("skip", 0, [RUN], ToCancel.NONE),
        ("skip", 1, [("SKIPPED", "overlap", 1)], ToCancel.NONE),
        ("buffer_one", 1, [RUN], ToCancel.NONE),
        ("buffer_one", 2, [("SKIPPED", "overlap", 1)], ToCancel.NONE),
        ("buffer_all", 5, [RUN], ToCancel.NONE),
        ("cancel_other", 0, [RUN], ToCancel.NONE),
        ("cancel_other", 1, [RUN], ToCancel.EARLIER),
        ("allow_all", 5, [RUN], ToCancel.NONE),
    ],
)
def test_overlap_judges_a_fresh_slot(overlap: str, open_now: int, expected: Told, to_cancel: ToCancel) -> None:
    made = planned(make(overlap=overlap, open=open_now), NOW + MINUTE)
    assert told(made.rows) == expected
    assert made.to_cancel is to_cancel


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", [RUN, ("SKIPPED", "overlap", 4)]),
        ("buffer_one", [RUN, RUN, ("SKIPPED", "overlap", 3)]),
        ("buffer_all", [RUN] * 5),
        ("cancel_other", [("SKIPPED", "overlap", 4), RUN]),
        ("allow_all", [RUN] * 5),
    ],
)
def test_overlap_judges_several_fresh_slots_at_once(overlap: str, expected: Told) -> None:
    assert told(planned(make("every 10s", overlap=overlap), NOW + 50 * SECOND).rows) == expected


def test_only_allow_all_leaves_the_lane() -> None:
    assert planned(make(), NOW + MINUTE).rows[0].lane == "job"
    assert planned(make(overlap="allow_all"), NOW + MINUTE).rows[0].lane is None


def test_a_year_off_of_a_job_each_second_is_a_few_rows() -> None:
    made = planned(make("every 1s"), NOW + 365 * DAY)
    assert len(made.rows) <= 3
    assert sum(row.slots for row in made.rows) == 365 * 86_400


def test_a_long_backlog_to_run_is_planned_in_portions() -> None:
    job = make("every 1s", overlap="allow_all", misfire_grace="2h")
    made = planned(job, NOW + HOUR)
    assert len(made.rows) == 1000
    assert made.job_after is not None
    assert made.job_after.next_run is not None
    assert made.job_after.next_run <= NOW + HOUR
    rest = planned(made.job_after, NOW + HOUR)
    assert rest.rows[0].at == made.rows[-1].at + SECOND


def test_a_schedule_that_is_over_completes_the_job_once_nothing_is_open() -> None:
    job = make("at 2026-03-01T13:00:00")
    made = planned(job, NOW + HOUR)
    assert made.job_after is not None
    assert (made.job_after.state, made.job_after.next_slot) == (JobState.ACTIVE, None)
    assert plan(made.job_after.evolve(open=1), NOW + 2 * HOUR, ids()) is None
    done = planned(made.job_after.evolve(runs=1, next_run=NOW + 2 * HOUR), NOW + 2 * HOUR)
    assert done.job_after is not None
    assert done.job_after.state is JobState.COMPLETED


def test_the_end_is_the_last_slot_that_runs() -> None:
    job = make("every 1h", end_at="2026-03-01T14:00:00+00:00")
    first = planned(job, NOW + HOUR)
    assert first.job_after is not None
    last = planned(first.job_after, NOW + 2 * HOUR)
    assert told(last.rows) == [RUN]
    assert last.job_after is not None
    assert last.job_after.next_slot is None


def test_the_start_is_the_first_slot_that_may_run() -> None:
    assert make("0 * * * *", start_at="2026-03-01T15:00:00+00:00").next_slot == NOW + 3 * HOUR


def test_an_interval_counts_from_its_start() -> None:
    assert make("every 1h", start_at="2026-03-01T15:30:00+00:00").next_slot == NOW + 4.5 * HOUR


def test_max_runs_counts_open_runs_and_holds_the_calendar_until_they_ended() -> None:
    job = make(max_runs=2, overlap="allow_all", runs=1)
    made = planned(job, NOW + MINUTE)
    assert made.job_after is not None
    assert (made.job_after.next_slot, made.job_after.next_run) == (NOW + 2 * MINUTE, None)


def test_a_run_that_never_began_gives_its_place_back_under_max_runs() -> None:
    held = make(max_runs=1).evolve(next_run=NOW + 10 * SECOND)
    made = planned(held, NOW + 10 * SECOND)
    assert made.rows == ()
    assert made.job_after is not None
    assert made.job_after.next_run == NOW + MINUTE


def test_slots_after_the_last_run_are_skipped_by_the_limit_and_the_job_completes() -> None:
    job = make(max_runs=1, runs=1).evolve(next_run=NOW + 5 * MINUTE)
    made = planned(job, NOW + 5 * MINUTE)
    assert told(made.rows) == [("SKIPPED", "limit", 5)]
    assert made.job_after is not None
    assert made.job_after.state is JobState.COMPLETED


def test_a_look_with_open_runs_under_max_runs_does_not_make_the_job_due_again_and_again() -> None:
    job = make(max_runs=2, runs=1, open=1).evolve(next_run=NOW + MINUTE)
    made = planned(job, NOW + MINUTE)
    assert made.job_after is not None
    assert made.job_after.next_run is None


def test_slots_that_wait_for_the_last_run_are_accounted_for_when_their_calendar_ends_or_rests_before_it() -> None:
    job = make(max_runs=1, open=1, overlap="allow_all").evolve(next_run=None)
    moved = changes.edit(job, read_spec({"cron_expression": "0 9 * * *"}, base=job.spec), NOW + 3.5 * MINUTE, ids())
    assert moved is not None
    assert told(moved.rows)[-1] == ("SKIPPED", "limit", 1)
    assert sum(row.slots for row in moved.rows) == 3
    ended = changes.cancel(job, NOW + 3.5 * MINUTE, ids())
    assert ended is not None
    assert told(ended.rows)[-1] == ("SKIPPED", "canceled", 1)
    assert sum(row.slots for row in ended.rows) == 3
    paused = changes.pause(job, NOW + 3.5 * MINUTE, ids())
    assert paused is not None
    assert told(paused.rows)[-1] == ("SKIPPED", "limit", 1)
    assert sum(row.slots for row in paused.rows) == 3


def test_a_streak_pauses_the_job_before_anything_else_runs() -> None:
    made = planned(make(pause_after_failures=3, streak=3), NOW + MINUTE)
    assert made.rows == ()
    assert made.job_after is not None
    assert (made.job_after.state, made.job_after.state_reason) == (JobState.PAUSED, "streak")


def test_a_streak_without_a_limit_pauses_nothing() -> None:
    assert told(planned(make(pause_after_failures=0, streak=99), NOW + MINUTE).rows) == [RUN]


def test_jitter_moves_the_start_and_never_the_slot() -> None:
    job = make("every 1h", jitter="30m")
    assert job.next_run is not None
    assert NOW + HOUR <= job.next_run < NOW + 1.5 * HOUR
    assert plan(job, job.next_run - SECOND, ids()) is None
    made = planned(job, job.next_run)
    assert made.rows[0].scheduled_for == NOW + HOUR
    assert made.rows[0].wake_at == job.next_run


def test_jitter_is_the_same_at_every_asking() -> None:
    assert make("every 1h", jitter="30m").next_run == make("every 1h", jitter="30m").next_run


# --- what a person changes ----------------------------------------------------------------------------------------


def test_a_resume_accounts_for_the_pause_in_one_row_and_runs_none_of_it() -> None:
    paused = changes.pause(make(), NOW, ids())
    assert paused is not None
    assert paused.job_after is not None
    assert paused.job_after.next_slot == NOW + MINUTE
    resumed = changes.resume(paused.job_after, NOW + 10 * MINUTE, ids())
    assert resumed is not None
    assert told(resumed.rows) == [("SKIPPED", "paused", 10)]
    assert resumed.job_after is not None
    assert resumed.job_after.next_run == NOW + 11 * MINUTE


def test_a_pause_first_plans_the_slots_that_were_due_before_it() -> None:
    paused = changes.pause(make(), NOW + 2 * MINUTE, ids())
    assert paused is not None
    assert told(paused.rows) == [RUN, ("SKIPPED", "overlap", 1)]


def test_a_resume_clears_the_streak() -> None:
    job = make(streak=10).evolve(state=JobState.PAUSED, state_reason="streak", next_run=None)
    resumed = changes.resume(job, NOW, ids())
    assert resumed is not None
    assert resumed.job_after is not None
    assert (resumed.job_after.streak, resumed.job_after.state_reason) == (0, None)


def test_resuming_a_single_time_that_passed_completes_the_job() -> None:
    job = make("at 2026-03-01T13:00:00").evolve(state=JobState.PAUSED, next_run=None)
    resumed = changes.resume(job, NOW + DAY, ids())
    assert resumed is not None
    assert told(resumed.rows) == [("SKIPPED", "paused", 1)]
    assert resumed.job_after is not None
    assert resumed.job_after.state is JobState.COMPLETED


def test_an_edit_of_the_prompt_keeps_calendar_and_anchor() -> None:
    job = make("every 1h")
    edited = changes.edit(job, read_spec({"prompt": "other"}, base=job.spec), NOW + 90 * SECOND, ids())
    assert edited is not None
    assert edited.job_after is not None
    assert (edited.job_after.next_slot, edited.job_after.schedule) == (job.next_slot, job.schedule)
    assert edited.job_after.version == 2


def test_an_edit_of_the_schedule_first_plans_the_past_by_the_old_one() -> None:
    job = make("every 1m")
    edited = changes.edit(job, read_spec({"every": "1h"}, base=job.spec), NOW + 3 * MINUTE, ids())
    assert edited is not None
    assert sum(row.slots for row in edited.rows) == 3
    assert edited.job_after is not None
    assert edited.job_after.next_slot == NOW + 3 * MINUTE + HOUR


def test_an_edit_of_a_paused_job_keeps_it_paused_and_accounts_for_the_old_schedule() -> None:
    job = make().evolve(state=JobState.PAUSED, next_run=None)
    edited = changes.edit(job, read_spec({"cron_expression": "0 9 * * *"}, base=job.spec), NOW + 5 * MINUTE, ids())
    assert edited is not None
    assert told(edited.rows) == [("SKIPPED", "paused", 5)]
    assert edited.job_after is not None
    assert (edited.job_after.state, edited.job_after.next_run) == (JobState.PAUSED, None)


@pytest.mark.parametrize("state", [JobState.CANCELED, JobState.COMPLETED])
def test_a_job_that_is_over_refuses_every_change(state: JobState) -> None:
    job = make().evolve(state=state, next_slot=None, next_run=None)
    assert changes.pause(job, NOW, ids()) is None
    assert changes.resume(job, NOW, ids()) is None
    assert changes.cancel(job, NOW, ids()) is None
    assert changes.edit(job, job.spec, NOW, ids()) is None
    assert changes.run_now(job, NOW, "x") is None


def test_a_cancel_ends_the_calendar_and_asks_for_everything_open() -> None:
    canceled = changes.cancel(make(open=1), NOW + 30 * SECOND, ids())
    assert canceled is not None
    assert canceled.to_cancel is ToCancel.ALL
    assert canceled.job_after is not None
    assert (canceled.job_after.state, canceled.job_after.next_slot) == (JobState.CANCELED, None)


def test_a_manual_run_stands_in_the_lane_and_leaves_the_calendar_alone() -> None:
    job = make()
    made = changes.run_now(job, NOW, "manual")
    assert made is not None
    [row] = made.rows
    assert (row.manual, row.scheduled_for, row.lane, row.idempotency_key) == (True, None, "job", "manual")
    assert made.job_after is not None
    assert made.job_after.next_slot == job.next_slot


def test_a_schedule_without_a_slot_ahead_is_refused_with_a_reason() -> None:
    with pytest.raises(InvalidScheduleError, match="is past"):
        make("at 2020-01-01T00:00:00")
    with pytest.raises(InvalidScheduleError, match="before end_at"):
        make("0 9 * * *", end_at="2026-03-01T13:00:00+00:00")


def test_a_waiting_slot_is_given_up_only_after_its_use_has_passed() -> None:
    job = make("every 1h")
    row = planned(job, NOW + HOUR).rows[0]
    assert not is_too_late(row, job.spec, NOW + 24 * HOUR)
    assert is_too_late(row, job.spec, NOW + 26 * HOUR)
    skip = make("every 1h", catch_up="skip")
    assert is_too_late(row, skip.spec, NOW + HOUR + 2 * MINUTE)


def test_an_execution_is_identified_to_the_outside_by_its_slot() -> None:
    row = planned(make(), NOW + MINUTE).rows[0]
    assert row.idempotency_key == "job:2026-03-01T12:01:00+00:00"
    assert row.status is ExecutionStatus.PENDING


def planned_after_a_fault(job: Job, minutes: float, failed_after: float, **fields: Any) -> Told:
    made = plan(job, NOW + minutes * MINUTE, ids(), NOW + failed_after * MINUTE)
    assert made is not None
    assert made.job_after is not None
    assert sum(row.slots for row in made.rows) == job.schedule.count(NOW + MICRO, made.job_after.next_slot or NOW)
    return told(made.rows)


MICRO = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("fields", "minutes", "rows"),
    [
        # Catch-up and overlap choose first; what does not run was missed because of the store.
        ({"catch_up": "latest"}, 10.5, [("MISSED", "store_down", 9), RUN]),
        ({"catch_up": "skip", "misfire_grace": "10s"}, 10.5, [("MISSED", "store_down", 10)]),
        (
            {"catch_up": "all", "catch_up_max": 3, "misfire_grace": "10s"},
            10.5,
            [("MISSED", "store_down", 7), *[RUN] * 3],
        ),
        ({"catch_up": "latest", "overlap": "skip", "misfire_grace": "1h"}, 10, [RUN, ("MISSED", "store_down", 9)]),
        ({"catch_up": "latest", "overlap": "skip", "misfire_grace": "1h", "open": 1}, 3, [("MISSED", "store_down", 3)]),
        ({"overlap": "cancel_other", "misfire_grace": "1h"}, 3, [("MISSED", "store_down", 2), RUN]),
        ({"overlap": "allow_all", "misfire_grace": "1h"}, 3, [RUN] * 3),
    ],
)
def test_slots_of_a_time_without_a_store_are_told_apart(fields: dict[str, Any], minutes: float, rows: Told) -> None:
    assert planned_after_a_fault(make(**fields), minutes, failed_after=1) == rows


def test_slots_that_were_late_before_the_store_failed_keep_their_reason() -> None:
    job = make(misfire_grace="10s", catch_up="skip")
    assert planned_after_a_fault(job, 10.5, failed_after=4.5) == [
        ("MISSED", "too_late", 4),
        ("MISSED", "store_down", 6),
    ]


def test_a_slot_that_was_on_time_when_the_store_failed_counts_to_the_fault() -> None:
    job = make(misfire_grace="10s", catch_up="skip")
    told_at_once = planned_after_a_fault(job, 10.5, failed_after=4 + 5 / 60)
    assert told_at_once == [("MISSED", "too_late", 3), ("MISSED", "store_down", 7)]


def test_a_spent_or_paused_job_does_not_blame_the_store() -> None:
    spent = make(max_runs=2, runs=2, open=1)
    assert planned_after_a_fault(spent, 5, failed_after=1) == [("SKIPPED", "limit", 5)]


SCHEDULES = ("every 1m", "every 90s", "at 2026-03-01T12:05:00", "*/7 * * * *", "0 0 1 1 *")
FIELDS: tuple[dict[str, Any], ...] = (
    {},
    {"overlap": "allow_all"},
    {"overlap": "cancel_other", "priority": 3},
    {"overlap": "buffer_one", "misfire_grace": "10s"},
    {"end_at": "2027-01-01T00:00:00"},
    {"start_at": "2026-03-01T12:03:00"},
    {"max_runs": 1},
    {"jitter": "30s"},
    {"open": 1},
    {"streak": 2},
    {"agent": "other", "catch_up": "all"},
)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_the_short_way_of_the_usual_slot_decides_as_the_long_one(schedule: str, fields: dict[str, Any]) -> None:
    short = 0
    for seconds in range(0, 1300, 13):
        job, now = make(schedule, **fields), NOW + seconds * SECOND
        draft = account(job, now, ids())
        after = draft.job()
        judged = None if after is job else draft.plan(after)
        assert plan(job, now, ids()) == judged
        short += judged is not None and told(judged.rows) == [RUN]
    # Each of these has a slot that is on time, but the one that is open and the one a year away.
    assert short > 0 or "open" in fields or schedule == "0 0 1 1 *"
