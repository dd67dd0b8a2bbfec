"""Every change of a job's state, allowed and refused, as a user of the plugin sees it."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import product

import pytest

from agentcron.domain.lifecycle import (
    EXECUTION_TRANSITIONS,
    FINAL,
    JOB_TRANSITIONS,
    ExecutionStatus,
    JobState,
    JobStatus,
    check_execution,
    may_become,
)
from agentcron.errors import ConflictError, NotFoundError
from agentcron.testing import Environment, Gate, create_test_environment

_E, _J = ExecutionStatus, JobStatus
MINUTE = timedelta(minutes=1)


class Bench:
    """A job that was brought into a status; ``gate`` holds its run where it has one."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.gate = Gate()
        self.job_id = ""

    async def bring(self, status: JobStatus) -> None:
        plugin = self.env.plugin
        if status is _J.RUNNING:
            self.env.agent_factory.then(self.gate)
        limit = {"max_runs": 1} if status is _J.COMPLETED else {}
        self.job_id = await plugin.create_job("job", "* * * * *", "hello", **limit)
        if status is _J.PAUSED:
            assert await plugin.pause_job(self.job_id)
        if status is _J.CANCELED:
            assert await plugin.cancel_job(self.job_id)
        await plugin.start_background_execution()
        if status in (_J.RUNNING, _J.COMPLETED):
            await self.env.advance(61)
        assert await self.status() is status

    async def status(self) -> JobStatus | None:
        job = await self.env.plugin.get_job(self.job_id)
        return job.status if job else None

    async def do(self, change: str) -> bool:
        plugin = self.env.plugin
        if change == "update":
            return await plugin.update_job(self.job_id, prompt="another")
        return bool(await getattr(plugin, f"{change}_job")(self.job_id))


# Status before -> change -> answer and status after; None is a job that is gone.
TABLE: dict[JobStatus, dict[str, tuple[bool, JobStatus | None]]] = {
    _J.WAITING: {
        "pause": (True, _J.PAUSED),
        "resume": (True, _J.WAITING),
        "cancel": (True, _J.CANCELED),
        "update": (True, _J.WAITING),
        "delete": (True, None),
    },
    _J.RUNNING: {
        "pause": (True, _J.PAUSED),
        "resume": (True, _J.RUNNING),
        "cancel": (True, _J.CANCELED),
        "update": (True, _J.RUNNING),
        "delete": (True, None),
    },
    _J.PAUSED: {
        "pause": (True, _J.PAUSED),
        "resume": (True, _J.WAITING),
        "cancel": (True, _J.CANCELED),
        "update": (True, _J.PAUSED),
        "delete": (True, None),
    },
    _J.CANCELED: {
        "pause": (False, _J.CANCELED),
        "resume": (False, _J.CANCELED),
        "cancel": (False, _J.CANCELED),
        "update": (False, _J.CANCELED),
        "delete": (True, None),
    },
    _J.COMPLETED: {
        "pause": (False, _J.COMPLETED),
        "resume": (False, _J.COMPLETED),
        "cancel": (False, _J.COMPLETED),
        "update": (False, _J.COMPLETED),
        "delete": (True, None),
    },
}
CHANGES = ("pause", "resume", "cancel", "update", "delete")


def test_the_table_below_misses_no_status() -> None:
    assert set(TABLE) == set(JobStatus)
    assert all(set(row) == set(CHANGES) for row in TABLE.values())


@pytest.mark.parametrize(("before", "change"), list(product(JobStatus, CHANGES)))
async def test_a_change_in_a_status_answers_and_leads_to(
    before: JobStatus, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        await bench.bring(before)
        answer, after = TABLE[before][change]
        with caplog.at_level(logging.INFO, "agentcron"):
            caplog.clear()
            assert await bench.do(change) is answer
        assert await bench.status() is after
        told = [record.getMessage() for record in caplog.records]
        if not answer:
            assert any(line.startswith("[background-jobs] not ") and before.value in line for line in told), told


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_an_unknown_job_is_false_and_says_so(change: str, caplog: pytest.LogCaptureFixture) -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        bench.job_id = "nowhere"
        with caplog.at_level(logging.INFO, "agentcron"):
            assert await bench.do(change) is False
        assert "job nowhere is unknown" in caplog.text


@pytest.mark.parametrize("status", JobStatus)
async def test_a_manual_run_is_taken_unless_the_job_is_over(status: JobStatus) -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        await bench.bring(status)
        if status in (_J.CANCELED, _J.COMPLETED):
            with pytest.raises(ConflictError, match=status.value):
                await env.plugin.run_job_now(bench.job_id)
            return
        execution_id = await env.plugin.run_job_now(bench.job_id)
        bench.gate.opened.set()
        await env.advance(2)
        run = await env.plugin.get_execution(execution_id)
        assert run is not None
        assert (run.status, run.manual) == (_E.SUCCESS, True)


async def test_a_manual_run_of_an_unknown_job_is_an_error() -> None:
    async with create_test_environment() as env:
        with pytest.raises(NotFoundError):
            await env.plugin.run_job_now("nowhere")


# --- what happens without a person ------------------------------------------------------------------------------------


async def test_a_slot_takes_the_job_from_waiting_to_running_and_back() -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        await bench.bring(_J.RUNNING)
        bench.gate.opened.set()
        await env.advance(1)
        assert await bench.status() is _J.WAITING


async def test_the_last_slot_completes_the_job() -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        bench.job_id = await env.plugin.create_job("once", "at 2026-01-01T00:01:00", "hello")
        await env.plugin.start_background_execution()
        await env.advance(120)
        assert await bench.status() is _J.COMPLETED
        assert len(await env.runs(bench.job_id)) == 1


async def test_a_job_that_is_over_never_runs_again() -> None:
    for status in (_J.CANCELED, _J.COMPLETED):
        async with create_test_environment() as env:
            bench = Bench(env)
            await bench.bring(status)
            before = len(env.agent_factory.contexts)
            await env.advance(180)
            assert (len(env.agent_factory.contexts), await bench.status()) == (before, status)


async def test_failures_in_a_row_pause_the_job_and_a_resume_clears_the_count() -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        env.agent_factory.then(*[ValueError("broken")] * 2)
        bench.job_id = await env.plugin.create_job("job", "* * * * *", "hello", pause_after_failures=2)
        await env.plugin.start_background_execution()
        await env.advance(181)
        job = await env.plugin.get_job(bench.job_id)
        assert job is not None
        assert (job.status, job.state_reason, job.streak) == (_J.PAUSED, "streak", 2)
        assert await env.plugin.resume_job(bench.job_id)
        job = await env.plugin.get_job(bench.job_id)
        assert job is not None
        assert (job.status, job.streak) == (_J.WAITING, 0)


async def test_a_run_under_way_ends_normally_when_its_job_is_paused() -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        await bench.bring(_J.RUNNING)
        assert await env.plugin.pause_job(bench.job_id)
        bench.gate.opened.set()
        await env.advance(120)
        [run] = await env.runs(bench.job_id)
        assert (run.status, await bench.status()) == (_E.SUCCESS, _J.PAUSED)


@pytest.mark.parametrize("change", ["cancel", "delete"])
async def test_a_run_under_way_is_ended_when_its_job_is_over(change: str) -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        await bench.bring(_J.RUNNING)
        assert await bench.do(change)
        await env.advance(2)
        assert (bench.gate.cancelled, env.agent_factory.live) == (True, 0)
        runs = await env.runs(bench.job_id)
        assert [(run.status, run.reason) for run in runs] == (
            [(_E.INCOMPLETE, "canceled")] if change == "cancel" else []
        )


async def test_slots_of_a_pause_are_one_row_and_are_not_caught_up() -> None:
    async with create_test_environment() as env:
        bench = Bench(env)
        await bench.bring(_J.PAUSED)
        await env.advance(300)
        assert await env.plugin.resume_job(bench.job_id)
        await env.advance(1)
        [row] = await env.runs(bench.job_id, include_skipped=True)
        assert (row.status, row.reason, row.slots) == (_E.SKIPPED, "paused", 5)


# --- the tables themselves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), list(product(JobState, JobState)))
def test_a_job_may_become_what_the_diagram_shows_and_nothing_else(before: JobState, after: JobState) -> None:
    shown = {("ACTIVE", "PAUSED"), ("PAUSED", "ACTIVE"), ("ACTIVE", "CANCELED"), ("PAUSED", "CANCELED")}
    shown.add(("ACTIVE", "COMPLETED"))
    assert may_become(before, after) is ((before.value, after.value) in shown)
    assert set(JOB_TRANSITIONS) == set(JobState)


@pytest.mark.parametrize(("before", "after"), list(product(ExecutionStatus, ExecutionStatus)))
def test_an_execution_is_checked_against_its_table(before: ExecutionStatus, after: ExecutionStatus) -> None:
    if after in EXECUTION_TRANSITIONS[before]:
        assert before not in FINAL
        check_execution(before, after)
    else:
        with pytest.raises(ValueError, match=f"cannot go from {before} to {after}"):
            check_execution(before, after)
