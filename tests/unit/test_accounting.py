"""Every slot of an active job lies in exactly one row, whatever the policies and whenever somebody looks (P1)."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.planner import plan
from agentcron.domain.plans import Plan
from agentcron.domain.spec_fields import read_spec
from agentcron.errors import InvalidScheduleError

START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)

jobs = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from(
            ["every 7s", "every 1m", "*/5 * * * *", "30 2 * * *", "0 * * * *", "*/20 * * * * *"]
        ),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
        "overlap": st.sampled_from(["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]),
        "catch_up": st.sampled_from(["skip", "latest", "all"]),
        "catch_up_max": st.integers(1, 5),
        "catch_up_window": st.sampled_from([None, "0s", "10m", "3h"]),
        "misfire_grace": st.sampled_from(["0s", "60s", "10m"]),
        "jitter": st.sampled_from(["0s", "3s"]),
        "max_runs": st.sampled_from([None, None, 3]),
        "end_at": st.sampled_from([None, "2026-03-29T12:00:00+00:00"]),
    }
)
# (seconds to wait, what happens then)
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 5, 30, 61, 300, 3_700, 20_000, 100_000]),
        st.sampled_from(["tick", "tick", "tick", "end one", "give up one", "pause", "resume", "edit"]),
    ),
    max_size=25,
)


class Book:
    """The job and its rows, moved as a store would move them."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.numbers = itertools.count()
        made = changes.create(read_spec({"name": "j", "prompt": "p", **fields}), "job", START)
        assert made.job_after is not None
        self.job: Job = made.job_after
        self.first = self.job.next_slot
        self.schedule = self.job.schedule
        self.rows: list[Execution] = []

    def new_id(self) -> str:
        return str(next(self.numbers))

    def apply(self, made: Plan | None) -> None:
        if made is not None and made.job_after is not None:
            opened = sum(not row.final for row in made.rows)
            self.job = made.job_after.evolve(open=self.job.open + opened)
            self.rows.extend(made.rows)

    def close(self, now: datetime, ran: bool) -> None:
        if self.job.open and self.job.state is JobState.ACTIVE:
            look = now if self.job.next_run is None else self.job.next_run
            self.job = self.job.evolve(open=self.job.open - 1, runs=self.job.runs + ran, next_run=look)


@settings(max_examples=400, deadline=None)
@given(fields=jobs, walk=steps)
def test_every_slot_lies_in_exactly_one_row(fields: dict[str, Any], walk: list[tuple[int, str]]) -> None:
    try:
        book, now = Book(fields), START
    except InvalidScheduleError:
        assume(False)  # the first slot lies after end_at: no such job can be created
        raise
    for wait, act in walk:
        now += timedelta(seconds=wait)
        match act:
            case "tick":
                for _ in range(200):
                    made = plan(book.job, now, book.new_id)
                    book.apply(made)
                    if made is None:
                        break
                assert book.job.next_run is None or book.job.next_run > now, "a tick leaves nothing that is due"
            case "end one":
                book.close(now, ran=True)
            case "give up one":
                book.close(now, ran=False)
            case "pause":
                book.apply(changes.pause(book.job, now, book.new_id))
            case "resume":
                book.apply(changes.resume(book.job, now, book.new_id))
            case "edit":
                spec = read_spec({"prompt": f"p{now}"}, base=book.job.spec)
                book.apply(changes.edit(book.job, spec, now, book.new_id))
    _check(book, now)


def _check(book: Book, now: datetime) -> None:
    rows = sorted(book.rows, key=lambda row: row.at)
    schedule = book.schedule
    expected = book.first
    for row in rows:
        assert row.at == expected, "rows follow one another without a gap or an overlap"
        last = row.last_at or row.at
        assert row.slots == schedule.count(row.at, last + timedelta(microseconds=1))
        assert row.status in (ExecutionStatus.PENDING, ExecutionStatus.SKIPPED, ExecutionStatus.MISSED)
        expected = schedule.next_after(last)
    if book.job.state in (JobState.ACTIVE, JobState.PAUSED):
        end = book.job.spec.end_at
        assert book.job.next_slot == (expected if end is None or (expected and expected <= end) else None)
    limit = book.job.spec.max_runs
    if limit is not None:
        assert book.job.runs + book.job.open <= limit
