"""Rows whose numbers are remembered are written without being looked for, and never where they are not as they were."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import ExecutionFilters, ExecutionStatus, JobFilters, SqliteStorage
from agentcron.domain import changes
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import AgentOutcome, Cut, CutCause, Done
from agentcron.domain.planner import plan
from agentcron.domain.plans import Plan
from agentcron.domain.settling import settle
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.sqlite import numbers
from agentcron.storage.sqlite.connection import statement

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DONE = Done(answer=AgentOutcome(output="done"))
SPEC = read_spec({"name": "gone", "prompt": "p", "schedule": "every 1m"})


class Bench:
    """A store, and one more on the same file: another process of this machine."""

    def __init__(self, path: Path) -> None:
        self.store, self.other = SqliteStorage(path), SqliteStorage(path)
        self._count = itertools.count(1)

    def new_id(self) -> str:
        return f"{next(self._count):026x}"

    async def jobs(self, many: int, schedule: str = "every 1m", **fields: Any) -> list[Job]:
        specs = [read_spec({"name": f"job {n}", "prompt": "p", "schedule": schedule, **fields}) for n in range(many)]
        made = [changes.create(spec, f"{next(self._count):016x}", NOW) for spec in specs]
        assert await self.store.commit(made) == [True] * many
        return [one.job_after for one in made if one.job_after is not None]

    async def plans(self, now: datetime) -> list[Plan]:
        due = await self.store.due(now, 1000)
        return [made for job in due.jobs if (made := plan(job, now, self.new_id)) is not None]

    async def begin(self, plans: list[Plan], now: datetime) -> tuple[list[bool], list[Execution]]:
        return await self.store.commit_and_claim(plans, "me", now, 1000, caught_up=1000)

    async def end(self, runs: list[Execution], now: datetime) -> list[bool]:
        settlements = []
        for run in runs:
            spec = await self.store.get_spec(run.job_id, run.version)
            # That of a job that was deleted is still with the run.
            settlements.append(settle(run, DONE, now, spec or SPEC))
        return await self.store.settle(settlements)

    async def rows(self) -> list[Execution]:
        return list((await self.store.list_executions(ExecutionFilters(include_skipped=True), 1000)).items)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "s.sqlite")
    await bench.store.open()
    await bench.other.open()
    yield bench
    await bench.store.close()
    await bench.other.close()


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which statements looked for rows by their ids."""
    found: list[str] = []

    def noted(name: str) -> str:
        if name in ("jobs_moving", "executions_held"):
            found.append(name)
        return statement(name)

    for module in ("moves", "endings"):
        monkeypatch.setattr(f"agentcron.storage.sqlite.{module}.statement", noted)
    return found


@pytest.mark.parametrize("schedule", ["every 1m", "at 2026-01-01T00:01:00Z"])
async def test_runs_that_begin_and_end_here_are_not_looked_for(
    bench: Bench, looked_for: list[str], schedule: str
) -> None:
    await bench.jobs(70, schedule)
    plans = await bench.plans(NOW + MINUTE)
    applied, begun = await bench.begin(plans, NOW + MINUTE)
    assert applied == [True] * 70
    assert await bench.end(begun, NOW + 2 * MINUTE) == [True] * 70
    assert looked_for == []
    jobs = (await bench.store.list_jobs(JobFilters())).items
    assert {(job.open, job.running, job.runs, job.totals.success) for job in jobs} == {(0, 0, 1, 1)}
    assert {job.status.value for job in jobs} == {"WAITING" if "every" in schedule else "COMPLETED"}
    for row, run in zip(sorted(await bench.rows(), key=lambda row: row.id), begun, strict=True):
        assert (row.id, row.job_id, row.status, row.result) == (run.id, run.job_id, ExecutionStatus.SUCCESS, "done")


@pytest.mark.parametrize("schedule", ["every 1m", "at 2026-01-01T00:01:00Z"])
@pytest.mark.parametrize("places", [0, 3, 10])
async def test_what_is_written_is_the_same_when_no_number_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, places: int
) -> None:
    answers = []
    for name in ("remembered", "forgotten"):
        bench = Bench(tmp_path / name)
        if name == "forgotten":
            monkeypatch.setattr(numbers.Numbers, "read", lambda self, rows: None)
            monkeypatch.setattr(numbers.Numbers, "begun", lambda self, runs: None)
        await bench.store.open()
        await bench.jobs(6, schedule)
        await bench.jobs(2, schedule, overlap="allow_all")
        plans = await bench.plans(NOW + MINUTE)
        _, begun = await bench.store.commit_and_claim(plans, "me", NOW + MINUTE, places, caught_up=places)
        assert await bench.end(begun, NOW + 2 * MINUTE) == [True] * min(places, 8)
        answers.append((await bench.rows(), (await bench.store.list_jobs(JobFilters())).items))
        await bench.store.close()
    assert answers[0] == answers[1]


async def edited(bench: Bench, job: Job) -> None:
    read = await bench.other.get_job(job.id)
    assert read is not None
    spec = read_spec({"name": "other", "prompt": "p", "schedule": "every 1m"})
    change = changes.edit(read, spec, NOW, bench.new_id)
    assert change is not None
    assert await bench.other.commit([change]) == [True]


async def deleted(bench: Bench, job: Job) -> None:
    read = await bench.other.get_job(job.id)
    assert read is not None
    assert await bench.other.commit([changes.delete(read, NOW)]) == [True]


async def run_by_hand(bench: Bench, job: Job) -> None:
    read = await bench.other.get_job(job.id)
    assert read is not None
    change = changes.run_now(read, NOW + MINUTE, bench.new_id())
    assert change is not None
    assert await bench.other.commit([change]) == [True]


@pytest.mark.parametrize("meddle", [edited, deleted])
async def test_a_plan_of_a_job_that_moved_meanwhile_is_refused_and_its_neighbours_are_not(
    bench: Bench, meddle: Callable[[Bench, Job], Any]
) -> None:
    jobs = await bench.jobs(5)
    plans = await bench.plans(NOW + MINUTE)
    await meddle(bench, jobs[2])
    applied, begun = await bench.begin(plans, NOW + MINUTE)
    assert applied == [True, True, False, True, True]
    assert [run.job_id for run in begun] == [job.id for job in jobs if job is not jobs[2]]
    assert await bench.end(begun, NOW + MINUTE) == [True] * 4


async def test_a_slot_that_comes_while_a_run_by_hand_is_open_waits_for_it(bench: Bench) -> None:
    jobs = await bench.jobs(3)
    plans = await bench.plans(NOW + MINUTE)
    await run_by_hand(bench, jobs[1])
    [by_hand] = await bench.store.claim("me", NOW + MINUTE, 1, begin=True)
    applied, begun = await bench.begin(plans, NOW + MINUTE)
    # The run by hand is a change of plan: that job is judged anew.
    assert applied == [True, False, True]
    assert await bench.end([*begun, by_hand], NOW + MINUTE) == [True] * 3


async def test_the_end_of_a_run_lets_the_next_one_of_its_lane_begin(bench: Bench) -> None:
    jobs = await bench.jobs(3, overlap="buffer_one")
    _, begun = await bench.begin(await bench.plans(NOW + MINUTE), NOW + MINUTE)
    _, more = await bench.begin(await bench.plans(NOW + 2 * MINUTE), NOW + 2 * MINUTE)
    assert more == []
    assert await bench.end(begun, NOW + 2 * MINUTE) == [True] * 3
    claimed = await bench.store.claim("me", NOW + 2 * MINUTE, 10, begin=True)
    assert {run.job_id for run in claimed} == {job.id for job in jobs}


async def test_what_somebody_else_settled_is_not_written_again_and_its_neighbours_are(bench: Bench) -> None:
    jobs = await bench.jobs(5)
    _, begun = await bench.begin(await bench.plans(NOW + MINUTE), NOW + MINUTE)
    lost = settle(begun[2], Cut(cause=CutCause.LOST), NOW + MINUTE, jobs[2].spec)
    assert await bench.other.settle([lost]) == [True]
    assert await bench.end(begun, NOW + 2 * MINUTE) == [True, True, False, True, True]
    rows = {row.id: row for row in await bench.rows()}
    assert rows[begun[2].id].status is ExecutionStatus.INCOMPLETE
    read = await bench.store.get_job(jobs[2].id)
    assert read is not None
    assert (read.open, read.running, read.totals.success, read.totals.incomplete) == (0, 0, 0, 1)


async def test_a_run_that_another_process_claimed_again_is_left_to_it(bench: Bench) -> None:
    [job] = await bench.jobs(1, on_interrupt="retry")
    _, [run] = await bench.begin(await bench.plans(NOW + MINUTE), NOW + MINUTE)
    assert await bench.other.settle([settle(run, Cut(cause=CutCause.LOST), NOW + MINUTE, job.spec)]) == [True]
    [again] = await bench.other.claim("other", NOW + MINUTE, 1, begin=True)
    assert await bench.end([run], NOW + MINUTE) == [False]
    assert await bench.other.settle([settle(again, DONE, NOW + 2 * MINUTE, job.spec)]) == [True]


async def test_the_end_of_a_run_whose_job_was_deleted_is_refused(bench: Bench) -> None:
    jobs = await bench.jobs(3)
    _, begun = await bench.begin(await bench.plans(NOW + MINUTE), NOW + MINUTE)
    await deleted(bench, jobs[0])
    assert await bench.end(begun, NOW + MINUTE) == [False, True, True]


async def test_numbers_of_runs_that_are_never_settled_here_do_not_pile_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "MOST", 10)
    await bench.jobs(8)
    for minute in range(1, 20):
        now = NOW + minute * MINUTE
        _, begun = await bench.begin(await bench.plans(now), now)
        for run in begun:
            job = await bench.other.get_job(run.job_id)
            assert job is not None
            assert await bench.other.settle([settle(run, DONE, now, job.spec)]) == [True]
        assert len(bench.store._numbers.runs) <= 18
        assert len(bench.store._numbers.jobs) <= 18


async def test_numbers_of_a_refused_group_are_forgotten_since_other_rows_get_them(bench: Bench) -> None:
    await bench.jobs(1)
    _, [first] = await bench.begin(await bench.plans(NOW + MINUTE), NOW + MINUTE)
    await bench.jobs(2)
    good, bad = (one for one in await bench.plans(NOW + MINUTE) if one.rows)
    twice = bad.evolve(rows=(bad.rows[0].evolve(id=first.id),))
    assert (await bench.begin([good, twice], NOW + MINUTE))[0] == [True, False]
    # The refused plan is made anew, and its row gets the number that was given back.
    applied, later = await bench.begin(await bench.plans(NOW + MINUTE), NOW + MINUTE)
    assert applied == [True]
    assert await bench.end([first], NOW + 2 * MINUTE) == [True]
    statuses = {row.id: row.status for row in await bench.rows()}
    assert statuses[first.id] is ExecutionStatus.SUCCESS
    assert [row.status for row in await bench.store.open_executions(bad.job_id)] == [later[-1].status]
