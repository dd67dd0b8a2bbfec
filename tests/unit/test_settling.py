"""What a stretch of running comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentcron import AgentOutcome, ExecutionStatus, Usage
from agentcron.domain.durations import bucket_top, duration_bucket, percentile
from agentcron.domain.lifecycle import EXECUTION_TRANSITIONS, FINAL, NOT_RUN, OPEN, RAN
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Cut, CutCause, Done, Errored, Failed, GivenBack, Needless, Outcome, Unneeded
from agentcron.domain.settling import MAX_CLAIMS, Streak, settle
from agentcron.domain.spec_fields import read_spec

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_E = ExecutionStatus
ANSWER = AgentOutcome(output="x", usage=Usage(input_tokens=1))


def running(**changes: Any) -> Execution:
    started = NOW - timedelta(seconds=5)
    made = Execution(id="e", job_id="j", version=1, at=started, status=_E.RUNNING, attempt=1, fence=1, begun=True)
    return made.evolve(**{"start_time": started, "wake_at": NOW, "owner": "me", **changes})


def settled(outcome: Outcome, execution: Execution | None = None, **fields: Any) -> Any:
    spec = read_spec({"name": "n", "prompt": "p", "schedule": "@daily", "tags": ["t"], **fields})
    return settle(execution or running(), outcome, NOW, spec)


@pytest.mark.parametrize(
    ("outcome", "status", "reason", "streak"),
    [
        (Done(answer=ANSWER), _E.SUCCESS, None, Streak.ENDS),
        (Failed(kind="limit", message="m", answer=ANSWER), _E.FAILURE, "limit", Streak.GROWS),
        (Errored(kind="auth", message="m"), _E.ERROR, "auth", Streak.GROWS),
        (Errored(kind="network", message="m", retryable=True), _E.ERROR, "network", Streak.KEPT),
        (Errored(kind="quota", message="m"), _E.ERROR, "quota", Streak.KEPT),
        (Cut(cause=CutCause.TIMEOUT), _E.INCOMPLETE, "timeout", Streak.GROWS),
        (Cut(cause=CutCause.CANCEL), _E.INCOMPLETE, "canceled", Streak.KEPT),
        (Cut(cause=CutCause.SHUTDOWN), _E.INCOMPLETE, "shutdown", Streak.KEPT),
        (Cut(cause=CutCause.LOST), _E.INCOMPLETE, "lost", Streak.KEPT),
    ],
)
def test_an_outcome_ends_the_execution(outcome: Outcome, status: _E, reason: str | None, streak: Streak) -> None:
    made = settled(outcome)
    assert (made.after.status, made.after.reason, made.streak, made.ended) == (status, reason, streak, True)
    assert (made.after.wake_at, made.after.end_time) == (None, NOW)
    # A run that told what it used is counted for its job too.
    used = () if made.after.usage is None else (f"job:{made.after.job_id}",)
    assert made.scopes == ("all", "agent:background-job", "tag:t", *used)


def test_a_retryable_error_goes_back_to_the_line_while_attempts_are_left() -> None:
    outcome = Errored(kind="network", message="m", retryable=True, answer=ANSWER)
    made = settled(outcome, retry="attempts=2,backoff=10s,jitter=0")
    assert (made.after.status, made.after.attempt, made.after.retries) == (_E.PENDING, 2, 1)
    assert made.after.wake_at == NOW + timedelta(seconds=10)
    assert (made.closed_attempt.status, made.closed_attempt.usage) == (_E.ERROR, ANSWER.usage)
    last = settled(outcome, running(retries=1, attempt=2), retry="attempts=2")
    assert (last.after.status, last.closed_attempt) == (_E.ERROR, None)


def test_a_provider_is_never_asked_before_it_allows() -> None:
    outcome = Errored(kind="rate_limit", message="m", retryable=True, retry_after=timedelta(hours=2))
    assert settled(outcome, retry="attempts=2,backoff=1s").after.wake_at == NOW + timedelta(hours=2)


def test_no_wait_for_a_retry_ends_a_job_for_good() -> None:
    outcome = Errored(kind="network", message="m", retryable=True, retry_after=timedelta.max)
    assert settled(outcome, retry="attempts=2").after.wake_at == NOW + timedelta(days=31)
    endless = "attempts=2,backoff=9999999d,max_backoff=9999999d,jitter=0"
    made = settled(Errored(kind="network", message="m", retryable=True), retry=endless)
    assert made.after.wake_at == NOW + timedelta(days=366)


@pytest.mark.parametrize("cause", [CutCause.LOST, CutCause.SHUTDOWN])
def test_an_interrupted_run_is_repeated_only_where_the_job_allows_it(cause: CutCause) -> None:
    again = settled(Cut(cause=cause), on_interrupt="retry").after
    assert (again.status, again.attempt, again.retries) == (_E.PENDING, 2, 1)
    onward = settled(Cut(cause=cause), on_interrupt="resume").after
    assert (onward.status, onward.attempt, onward.retries) == (_E.PENDING, 1, 0)


def test_a_prompt_that_kills_its_worker_is_not_resumed_for_ever() -> None:
    made = settled(Cut(cause=CutCause.LOST), running(fence=MAX_CLAIMS), on_interrupt="resume")
    assert made.after.status is _E.INCOMPLETE


def test_what_never_began_goes_back_or_is_skipped() -> None:
    claimed = running(begun=False, start_time=None)
    assert settled(Cut(cause=CutCause.LOST), claimed).after.status is _E.PENDING
    assert settled(Cut(cause=CutCause.CANCEL), claimed).after.status is _E.SKIPPED
    assert settled(GivenBack(ready_at=NOW), claimed).after.wake_at == NOW
    waiting = claimed.evolve(status=_E.PENDING)
    late = settled(Unneeded(cause=Needless.LATE), waiting).after
    assert (late.status, late.reason) == (_E.MISSED, "too_late")


def test_a_retry_that_waits_and_is_canceled_is_incomplete() -> None:
    made = settled(Cut(cause=CutCause.CANCEL), running(status=_E.PENDING, retries=1))
    assert (made.after.status, made.after.reason) == (_E.INCOMPLETE, "canceled")


def test_a_clock_that_was_set_back_makes_no_run_end_before_it_began() -> None:
    made = settled(Done(answer=ANSWER), running(start_time=NOW + timedelta(seconds=9)))
    assert made.after.duration == timedelta(0)


def test_what_a_cut_run_used_is_kept() -> None:
    assert settled(Cut(cause=CutCause.TIMEOUT, answer=ANSWER)).after.usage == ANSWER.usage


def test_final_is_final() -> None:
    assert {status for status, after in EXECUTION_TRANSITIONS.items() if not after} == FINAL
    assert set(ExecutionStatus) == OPEN | FINAL
    assert RAN.isdisjoint(NOT_RUN)
    with pytest.raises(ValueError, match="cannot go from SUCCESS"):
        settled(Done(answer=ANSWER), running(status=_E.SUCCESS))


@pytest.mark.parametrize("seconds", [0, 0.000001, 0.5, 3, 3600, 86_400])
def test_a_duration_lies_in_its_bucket_to_within_a_fifth(seconds: float) -> None:
    duration = timedelta(seconds=seconds)
    top = bucket_top(duration_bucket(duration))
    assert duration <= top <= max(duration * 1.2, timedelta(microseconds=2))


def test_a_percentile_is_read_from_the_buckets() -> None:
    buckets = [(duration_bucket(timedelta(seconds=1)), 95), (duration_bucket(timedelta(seconds=60)), 5)]
    low, high = percentile(buckets, 0.95), percentile(buckets, 0.96)
    assert low is not None
    assert high is not None
    assert low < timedelta(seconds=2) < timedelta(seconds=59) < high
    assert percentile([], 0.95) is None
