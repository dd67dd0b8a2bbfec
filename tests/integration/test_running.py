"""A prompt on a schedule, run by an agent, its result kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agentcron.domain.explain import Policy
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import AgentOutcome, Usage
from agentcron.domain.planner import plan
from agentcron.errors import AgentError, ConflictError, NotFoundError
from agentcron.schedule import OnceSchedule
from agentcron.testing import Gate, create_test_environment

from .conftest import World

_E = ExecutionStatus


async def test_each_slot_runs_once_with_its_answer_kept(world: World) -> None:
    job_id = await world.plugin.create_job("tick", "every 1s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(5)
    runs = await world.runs(job_id)
    assert [run.status for run in runs] == [_E.SUCCESS] * 5
    starts = [run.scheduled_for for run in runs]
    assert starts == sorted(set(starts), key=lambda at: at or world.clock.now())
    assert {run.result for run in runs} == {"done"}
    assert {run.prompt for run in runs} == {"hello"}
    assert [context.attempt for context in world.factory.contexts] == [1] * 5
    assert world.factory.live == 0


async def test_an_agent_is_told_which_slot_it_runs_for(world: World) -> None:
    job_id = await world.plugin.create_job("tick", "every 1s", "hello", metadata={"team": "ops"})
    await world.plugin.start_background_execution()
    await world.advance(1)
    [context] = world.factory.contexts
    [run] = await world.runs(job_id)
    assert context.scheduled_for == run.scheduled_for
    assert context.idempotency_key == f"{job_id}:{run.scheduled_for.isoformat()}" if run.scheduled_for else ""
    assert (context.job_name, context.execution_id, context.metadata) == ("tick", run.id, {"team": "ops"})


async def test_a_slot_is_skipped_while_the_last_run_goes_on(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("slow", "every 1s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(3)
    job = await world.plugin.get_job(job_id)
    assert job is not None
    assert job.status is JobStatus.RUNNING
    gate.opened.set()
    await world.advance(1)
    statuses = [(run.status, run.reason) for run in await world.runs(job_id, skipped=True)]
    assert statuses == [(_E.SUCCESS, None), *[(_E.SKIPPED, "overlap")] * 2, (_E.SUCCESS, None)]


async def test_cancel_other_ends_the_run_before_it_starts_the_next(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("newest", "every 1s", "hello", overlap="cancel_other")
    await world.plugin.start_background_execution()
    await world.advance(3)
    runs = await world.runs(job_id)
    assert [(run.status, run.reason) for run in runs[:2]] == [(_E.INCOMPLETE, "canceled"), (_E.SUCCESS, None)]
    assert gate.cancelled
    assert world.factory.most_at_once == 1


async def test_buffered_slots_run_one_after_another(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("queue", "every 1s", "hello", overlap="buffer_all", max_runs=4)
    await world.plugin.start_background_execution()
    await world.advance(4)
    assert len(world.factory.contexts) == 1
    gate.opened.set()
    await world.advance(2)
    assert [run.status for run in await world.runs(job_id)] == [_E.SUCCESS] * 4
    assert world.factory.most_at_once == 1


async def test_no_more_agents_live_at_once_than_are_allowed(world: World) -> None:
    gates = [Gate() for _ in range(12)]
    world.factory.then(*gates)
    for number in range(12):
        await world.plugin.create_job(f"job {number}", "every 10s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(10)
    assert world.factory.live == 10
    for gate in gates:
        gate.opened.set()
    await world.advance(2)
    assert world.factory.most_at_once == 10
    assert (await world.plugin.get_statistics()).total_executions == 12


async def test_a_job_that_ran_its_number_of_times_is_completed(world: World) -> None:
    job_id = await world.plugin.create_job("twice", "every 1s", "hello", max_runs=2)
    await world.plugin.start_background_execution()
    await world.advance(5)
    job = await world.plugin.get_job(job_id)
    assert job is not None
    assert (job.status, job.next_run, len(job.execution_history)) == (JobStatus.COMPLETED, None, 2)


async def test_a_single_time_runs_and_completes(world: World) -> None:
    at = world.clock.now() + timedelta(seconds=2)
    job_id = await world.plugin.create_job("once", f"at {at.isoformat()}", "hello")
    await world.plugin.start_background_execution()
    await world.advance(4)
    job = await world.plugin.get_job(job_id)
    assert job is not None
    assert (job.status, job.totals.success) == (JobStatus.COMPLETED, 1)


async def test_an_agent_that_says_it_failed_is_a_failure_with_its_words(world: World) -> None:
    world.factory.then(AgentOutcome(output="half", failed="limit: 5 requests", usage=Usage(input_tokens=3)))
    job_id = await world.plugin.create_job("bad", "every 1s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.reason, run.error, run.result) == (_E.FAILURE, "limit", "limit: 5 requests", "half")
    assert run.usage == Usage(input_tokens=3)


async def test_an_exception_is_an_error_and_the_job_stays_scheduled(world: World) -> None:
    world.factory.then(RuntimeError("boom"))
    job_id = await world.plugin.create_job("raise", "every 1s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(2)
    first, second = await world.runs(job_id)
    assert (first.status, first.error) == (_E.ERROR, "RuntimeError: boom")
    assert second.status is _E.SUCCESS
    assert len(world.factory.closed) == 2


async def test_only_a_retryable_error_is_tried_again_and_not_before_the_provider_allows(world: World) -> None:
    busy = AgentError("busy", kind="rate_limit", retryable=True, retry_after=timedelta(seconds=20))
    world.factory.then(busy)
    job_id = await world.plugin.create_job("retry", "every 1h", "hello", retry="attempts=2,backoff=5s,jitter=0")
    await world.plugin.start_background_execution()
    world.clock.set(world.clock.now() + timedelta(hours=1))
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.attempt, run.wake_at) == (
        _E.PENDING,
        2,
        (run.scheduled_for or world.clock.now()) + timedelta(seconds=20),
    )
    await world.advance(18)
    assert (await world.runs(job_id))[0].status is _E.PENDING
    await world.advance(2)
    [run] = await world.runs(job_id)
    assert (run.status, run.attempt, run.retries) == (_E.SUCCESS, 2, 1)
    assert len({context.idempotency_key for context in world.factory.contexts}) == 1


async def test_creating_an_agent_is_tried_three_times(world: World) -> None:
    world.factory.fail_creation.extend([AgentError("no place")] * 2)
    job_id = await world.plugin.create_job("create", "every 10s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(14)
    [run] = await world.runs(job_id)
    assert run.status is _E.SUCCESS


async def test_an_agent_that_cannot_be_created_is_an_error_and_the_job_stays_scheduled(world: World) -> None:
    world.factory.fail_creation.extend([AgentError("no place")] * 3)
    job_id = await world.plugin.create_job("create", "every 10s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(20)
    first, second = await world.runs(job_id)
    assert (first.status, first.reason) == (_E.ERROR, "creation")
    assert "no place" in (first.error or "")
    assert second.status is _E.SUCCESS


async def test_a_run_past_its_timeout_is_incomplete_and_its_agent_closed(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("hang", "every 1s", "hello", timeout=timedelta(milliseconds=30), max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    await asyncio.wait_for(world.factory.one_closed.wait(), 5)
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.reason) == (_E.INCOMPLETE, "timeout")
    assert gate.cancelled


async def test_failures_in_a_row_pause_the_job_and_a_resume_goes_on(world: World) -> None:
    world.factory.then(*[RuntimeError("boom")] * 3)
    job_id = await world.plugin.create_job("streak", "every 1s", "hello", pause_after_failures=3)
    await world.plugin.start_background_execution()
    await world.advance(6)
    job = await world.plugin.get_job(job_id)
    assert job is not None
    assert (job.status, job.state_reason, job.totals.error) == (JobStatus.PAUSED, "streak", 3)
    assert await world.plugin.resume_job(job_id)
    await world.advance(2)
    assert (await world.runs(job_id))[-1].status is _E.SUCCESS


async def test_a_run_can_be_canceled_while_it_runs(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("long", "every 1s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert await world.plugin.cancel_execution(run.id)
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.reason) == (_E.INCOMPLETE, "canceled")
    assert not await world.plugin.cancel_execution(run.id)


async def test_canceling_a_job_ends_what_runs_and_what_waits(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("both", "every 1s", "hello", overlap="buffer_one")
    await world.plugin.start_background_execution()
    await world.advance(2)
    assert await world.plugin.cancel_job(job_id)
    await world.advance(2)
    rows = [(row.status, row.reason) for row in await world.runs(job_id, skipped=True)]
    assert rows == [(_E.INCOMPLETE, "canceled"), (_E.SKIPPED, "canceled")]
    job = await world.plugin.get_job(job_id)
    assert job is not None
    assert (job.status, job.open) == (JobStatus.CANCELED, 0)


async def test_a_cancel_by_another_process_reaches_the_run(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("far", "every 1s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    other = world.another()
    try:
        assert await other.cancel_job(job_id)
    finally:
        if other.storage is not world.storage:
            await other.close()
    await world.advance(2)
    [run] = await world.runs(job_id)
    assert (run.status, run.reason) == (_E.INCOMPLETE, "canceled")


async def test_deleting_a_job_ends_its_agent_first(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("gone", "every 1s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(1)
    assert await world.plugin.delete_job(job_id)
    assert gate.cancelled
    assert world.factory.live == 0
    assert await world.plugin.get_job(job_id) is None
    assert await world.plugin.get_executions(job_id) == []
    with pytest.raises(NotFoundError, match="was deleted at"):
        await world.plugin.find_job(job_id)


async def test_a_paused_job_lets_its_run_end_and_starts_no_other(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("pause", "every 1s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(1)
    assert await world.plugin.pause_job(job_id)
    assert await world.plugin.pause_job(job_id)
    gate.opened.set()
    await world.advance(3)
    [run] = await world.runs(job_id)
    assert run.status is _E.SUCCESS
    assert await world.plugin.resume_job(job_id)
    await world.advance(1)
    rows = [(row.status, row.reason, row.slots) for row in await world.runs(job_id, skipped=True)]
    assert rows == [(_E.SUCCESS, None, 1), (_E.SKIPPED, "paused", 3), (_E.SUCCESS, None, 1)]


async def test_a_manual_run_works_while_paused_and_is_no_slot(world: World) -> None:
    job_id = await world.plugin.create_job("manual", "every 1h", "hello")
    await world.plugin.pause_job(job_id)
    await world.plugin.start_background_execution()
    execution_id = await world.plugin.run_job_now(job_id)
    await world.advance(1)
    run = await world.plugin.get_execution(execution_id)
    assert run is not None
    assert (run.status, run.scheduled_for, run.idempotency_key) == (_E.SUCCESS, None, execution_id)
    await world.plugin.cancel_job(job_id)
    with pytest.raises(ConflictError, match="CANCELED"):
        await world.plugin.run_job_now(job_id)


async def test_a_manual_run_works_without_a_scheduler(world: World) -> None:
    job_id = await world.plugin.create_job("here", "every 1h", "hello")
    execution_id = await world.plugin.run_job_now(job_id)
    run = await world.plugin.run_here(execution_id)
    assert (run.status, run.result) == (_E.SUCCESS, "done")
    assert not await world.plugin.scheduler_alive()


async def test_changes_of_an_unknown_job_are_false(world: World) -> None:
    for change in (
        world.plugin.pause_job,
        world.plugin.resume_job,
        world.plugin.cancel_job,
        world.plugin.delete_job,
        world.plugin.update_job,
    ):
        assert not await change("nope")


async def test_an_update_changes_what_the_next_run_does(world: World) -> None:
    job_id = await world.plugin.create_job("edit", "every 1s", "old")
    await world.plugin.start_background_execution()
    await world.advance(1)
    assert await world.plugin.update_job(job_id, prompt="new", timezone="Europe/Berlin")
    await world.advance(1)
    assert [run.prompt for run in await world.runs(job_id)] == ["old", "new"]
    with pytest.raises(ValueError, match="cannot be changed"):
        await world.plugin.update_job(job_id, {"status": "PAUSED"})
    with pytest.raises(ValueError, match="did you mean prompt"):
        await world.plugin.update_job(job_id, promt="x")


async def test_a_job_changed_by_another_process_is_noticed(world: World) -> None:
    await world.plugin.start_background_execution()
    other = world.another()
    job_id = await other.create_job("from afar", "every 2s", "hello")
    if other.storage is not world.storage:
        await other.close()
    await world.advance(4)
    assert len(await world.runs(job_id)) == 2


# --- stopping and starting ----------------------------------------------------------------------------------------


async def test_a_stop_lets_runs_end_within_the_grace(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("grace", "every 1s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    asyncio.get_running_loop().call_soon(gate.opened.set)
    await world.plugin.stop_background_execution(timedelta(seconds=10))
    [run] = await world.runs(job_id)
    assert run.status is _E.SUCCESS


async def test_a_stop_cuts_what_does_not_end_and_leaves_what_never_began_waiting(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("cut", "every 1s", "hello", overlap="buffer_one", max_runs=2)
    await world.plugin.start_background_execution()
    await world.advance(2)
    await world.plugin.stop_background_execution(timedelta(0))
    cut, waiting = await world.runs(job_id)
    assert (cut.status, cut.reason) == (_E.INCOMPLETE, "shutdown")
    assert (waiting.status, waiting.begun) == (_E.PENDING, False)
    await world.plugin.start_background_execution()
    await world.advance(1)
    assert [run.status for run in await world.runs(job_id)] == [_E.INCOMPLETE, _E.SUCCESS]


async def test_a_stop_gives_the_run_back_where_the_job_asks_for_it(world: World) -> None:
    gate = Gate()
    world.factory.then(gate)
    job_id = await world.plugin.create_job("again", "every 1s", "hello", on_interrupt="retry", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    await world.plugin.stop_background_execution(timedelta(0))
    [waiting] = await world.runs(job_id)
    assert (waiting.status, waiting.attempt) == (_E.PENDING, 2)
    await world.plugin.start_background_execution()
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.attempt) == (_E.SUCCESS, 2)


async def test_starting_and_stopping_twice_and_stopping_before_a_start_are_no_errors(world: World) -> None:
    await world.plugin.stop_background_execution()
    await world.plugin.start_background_execution()
    await world.plugin.start_background_execution()
    assert await world.plugin.scheduler_alive()
    await world.plugin.stop_background_execution()
    await world.plugin.stop_background_execution()
    assert not await world.plugin.scheduler_alive()


async def test_slots_that_passed_without_a_scheduler_are_accounted_for_at_the_next_start(world: World) -> None:
    job_id = await world.plugin.create_job("away", "every 1h", "hello")
    world.clock.set(world.clock.now() + timedelta(hours=5, minutes=30))
    await world.plugin.start_background_execution()
    await world.advance(1)
    rows = [(row.status, row.reason, row.slots) for row in await world.runs(job_id, skipped=True)]
    assert rows == [(_E.MISSED, "coalesced", 4), (_E.SUCCESS, None, 1)]


async def test_after_an_outage_what_is_caught_up_leaves_places_to_what_is_on_time(world: World) -> None:
    gates = [Gate() for _ in range(12)]
    world.factory.then(*gates)
    for number in range(8):
        await world.plugin.create_job(f"late {number}", "every 1h", "hello", catch_up_window="2h")
    world.clock.set(world.clock.now() + timedelta(minutes=90))
    await world.plugin.start_background_execution()
    await world.advance(1)
    assert world.factory.live == 5
    fresh = await world.plugin.create_job("fresh", "every 1s", "hello", max_runs=1)
    await world.advance(2)
    assert [run.status for run in await world.runs(fresh)] == [_E.RUNNING]
    for gate in gates:
        gate.opened.set()
    await world.advance(3)
    assert (await world.plugin.get_statistics()).executions_by_status[_E.SUCCESS] == 9
    assert world.factory.most_at_once == 6


async def test_a_clock_that_is_set_back_runs_nothing_twice(world: World) -> None:
    job_id = await world.plugin.create_job("back", "every 1s", "hello")
    await world.plugin.start_background_execution()
    await world.advance(3)
    world.clock.set(world.clock.now() - timedelta(seconds=2))
    await world.advance(4)
    runs = await world.runs(job_id)
    assert len({run.scheduled_for for run in runs}) == len(runs) == 5
    assert all(run.duration is not None and run.duration >= timedelta(0) for run in runs)


# --- answers ------------------------------------------------------------------------------------------------------


async def test_why_tells_what_became_of_a_slot(world: World) -> None:
    gate = Gate()
    world.factory.then("done", gate)
    job_id = await world.plugin.create_job("why", "every 1m", "hello")
    start = world.clock.now()
    await world.plugin.start_background_execution()
    await world.advance(181)
    minute = timedelta(minutes=1)
    expected = {
        start + minute: "ended as SUCCESS",
        start + 2 * minute: "is running since",
        start + 3 * minute: "was skipped: an earlier run was still open (policy overlap = skip, the default)",
        start + 10 * minute: "is due then",
        start + 1.5 * minute: "nothing was due at this instant; next slot is",
        start - minute: f"nothing was due: the job was created at {start.isoformat()}; next slot is "
        f"{(start + minute).isoformat()}",
    }
    for at, words in expected.items():
        assert words in (await world.plugin.explain(job_id, at)).sentence
    gate.opened.set()


async def test_why_names_the_policy_that_decided_and_the_version_it_was_set_in(world: World) -> None:
    job_id = await world.plugin.create_job("why", "every 1h", "hello", catch_up="skip")
    start = world.clock.now()
    world.clock.set(start + timedelta(hours=5, minutes=30))
    await world.plugin.start_background_execution()
    await world.advance(1)
    assert await world.plugin.update_job(job_id, catch_up="all")
    told = await world.plugin.explain(job_id, start + timedelta(hours=2))
    assert told.policy == Policy(name="catch_up", value="skip", version=1, default=False)
    assert told.sentence == (
        "why at 2026-01-01T02:00:00+00:00: was missed, one of 5 slots to 2026-01-01T05:00:00+00:00: no scheduler could "
        "run it in time (policy catch_up = skip, set in version 1 of the job); no scheduler was up until "
        "2026-01-01T05:30:00+00:00."
    )


async def test_why_tells_between_which_schedulers_nobody_was_up(world: World) -> None:
    job_id = await world.plugin.create_job("why", "every 1h", "hello")
    start = world.clock.now()
    await world.plugin.start_background_execution()
    await world.advance(2)
    await world.plugin.stop_background_execution()
    world.clock.set(start + timedelta(hours=3))
    await world.plugin.start_background_execution()
    await world.advance(1)
    sentence = (await world.plugin.explain(job_id, start + timedelta(hours=1))).sentence
    assert "no scheduler was up from 2026-01-01T00:00:02+00:00 until 2026-01-01T03:00:00+00:00" in sentence


async def test_why_of_a_run_that_took_too_long_names_its_timeout(world: World) -> None:
    world.factory.then(Gate())
    job_id = await world.plugin.create_job("why", "every 1m", "hello", timeout="10s", max_runs=1)
    start = world.clock.now()
    await world.plugin.start_background_execution()
    await world.advance(120)
    told = await world.plugin.explain(job_id, start + timedelta(minutes=1))
    assert "ended as INCOMPLETE (timeout)" in told.sentence
    assert told.policy == Policy(name="timeout", value="10s", version=1, default=False)


async def test_a_preview_uses_the_same_calendar_as_the_scheduler(world: World) -> None:
    slots = world.plugin.preview("30 2 * * *", "Europe/Berlin", count=2)
    job_id = await world.plugin.create_job("same", "30 2 * * *", "hello", timezone="Europe/Berlin")
    job = await world.plugin.get_job(job_id)
    assert job is not None
    assert slots[0] == job.next_run


async def test_an_agent_that_cancels_itself_is_an_error_and_no_shutdown(world: World) -> None:
    world.factory.then(asyncio.CancelledError())
    job_id = await world.plugin.create_job("odd", "every 1s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.error) == (_E.ERROR, "the agent canceled itself")


async def test_what_a_failed_or_cut_run_used_is_kept_and_counted(world: World) -> None:
    world.factory.partial = AgentOutcome(usage=Usage(input_tokens=40, output_tokens=2))
    world.factory.then(AgentError("broke off", kind="network"))
    job_id = await world.plugin.create_job("paid", "every 1s", "hello", max_runs=1)
    await world.plugin.start_background_execution()
    await world.advance(1)
    [run] = await world.runs(job_id)
    assert (run.status, run.usage) == (_E.ERROR, Usage(input_tokens=40, output_tokens=2))
    assert (await world.plugin.get_statistics()).tokens == 42


async def test_a_manual_run_without_a_scheduler_passes_a_slot_that_waits(world: World) -> None:
    job_id = await world.plugin.create_job("here", "every 1m", "hello")
    world.clock.set(world.clock.now() + timedelta(seconds=61))
    job = await world.storage.get_job(job_id)
    assert job is not None
    planned = plan(job, world.clock.now(), lambda: "0" * 26)
    assert planned is not None
    assert await world.storage.commit([planned]) == [True]
    run = await world.plugin.run_here(await world.plugin.run_job_now(job_id))
    assert run.status is _E.SUCCESS
    waiting = [row for row in await world.runs(job_id) if not row.manual]
    assert [row.status for row in waiting] == [_E.PENDING]


async def test_a_preview_of_an_interval_counts_from_the_instant_asked_about(world: World) -> None:
    now = world.clock.now()
    assert world.plugin.preview("every 10m", count=2) == [now + timedelta(minutes=10), now + timedelta(minutes=20)]


async def test_jobs_that_come_due_right_after_another_are_planned_together_and_one_alone_is_on_time() -> None:
    start, millisecond = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(milliseconds=1)
    async with create_test_environment(start=start) as env:
        for number in (0, 10, 20, 49, 60, 200, 201):
            await env.plugin.create_job(
                f"{number}", OnceSchedule(start + timedelta(seconds=5) + number * millisecond), "p"
            )
        await env.plugin.start_background_execution()
        await env.advance(5)
        for _ in range(300):
            await env.advance(0.001)
        runs = await env.runs()
    late = {run.scheduled_for: run.start_time for run in runs}
    waited = [(began - due) // millisecond for due, began in late.items() if due is not None and began is not None]
    assert waited == [0, 40, 30, 1, 40, 0, 49]


HALF = "cut in the middle of an emoji \ud83d"


async def test_half_of_an_emoji_costs_a_run_nothing_of_its_outcome(world: World) -> None:
    failed = AgentOutcome(output=HALF, failed=HALF, usage=Usage(input_tokens=1000), cost_usd=Decimal("1.5"))
    world.factory.then(failed, AgentError(HALF, kind="provider", retryable=True))
    job_id = await world.plugin.create_job("job", "every 1m", "hello", retry="attempts=2,backoff=1s")
    await world.plugin.start_background_execution()
    await world.advance(130)
    first, second = await world.runs(job_id)
    assert (first.status, first.usage, first.cost_usd) == (_E.FAILURE, Usage(input_tokens=1000), Decimal("1.5"))
    assert first.error is not None
    assert first.error.encode().decode() == first.error
    assert (second.status, second.attempt) == (_E.SUCCESS, 2)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(input_tokens=2**63 - 1), Decimal("1e30")),
        (Usage(output_tokens=2**70, requests=-5), Decimal("-1")),
        (Usage(cached_tokens=2**64), Decimal("NaN")),
        (Usage(tool_calls=2**64), Decimal("Infinity")),
    ],
)
async def test_an_absurd_bill_spoils_no_other_run_and_no_sum(world: World, usage: Usage, cost: Decimal) -> None:
    fair = AgentOutcome(output="fine", usage=Usage(input_tokens=10), cost_usd=Decimal("0.5"))
    world.factory.then(AgentOutcome(output="fine", usage=usage, cost_usd=cost), fair, fair)
    await world.plugin.create_job("absurd", "every 1m", "hello")
    await world.plugin.create_job("fair", "every 1m", "hello")
    await world.plugin.start_background_execution()
    await world.clock.advance(timedelta(minutes=1))
    await world.advance(5)
    await world.clock.advance(timedelta(minutes=1))
    await world.advance(5)
    statistics = await world.plugin.get_statistics()
    assert statistics.executions_by_status[_E.SUCCESS] == 4
    assert statistics.tokens >= 20
    assert statistics.cost_usd >= 1


async def test_edits_after_the_clock_was_set_back_come_to_no_slot_again(world: World) -> None:
    job_id = await world.plugin.create_job("job", "0 * * * *", "hello")
    await world.plugin.start_background_execution()
    first = (await world.plugin.find_job(job_id)).next_slot
    assert first is not None
    world.clock.set(first + timedelta(hours=1))
    await world.advance(3)
    world.clock.set(first - timedelta(minutes=5))
    await world.advance(3)
    await world.plugin.update_job(job_id, cron_expression="0 0 * * *")
    await world.plugin.update_job(job_id, cron_expression="0 * * * *")
    for hours in range(4):
        world.clock.set(first + timedelta(hours=hours))
        await world.advance(3)
    rows = await world.runs(job_id, skipped=True)
    assert len({row.at for row in rows}) == len(rows)
    assert [row.at for row in rows if row.status is _E.SUCCESS][-2:] == [first + timedelta(hours=2 + n) for n in (0, 1)]


async def test_three_hundred_who_wait_look_no_more_often_than_a_hundred_and_all_are_answered(world: World) -> None:
    gate, looks = Gate(), 0
    world.factory.then(gate)
    run = await world.plugin.run_job_now(await world.plugin.create_job("job", "every 1h", "hello"))
    await world.plugin.start_background_execution()
    await world.advance(1)
    read = world.storage.get_execution

    async def counted(execution_id: str) -> Execution | None:
        nonlocal looks
        looks += 1
        return await read(execution_id)

    world.storage.get_execution = counted  # type: ignore[method-assign]
    waiting = [asyncio.create_task(world.plugin.wait_for_execution(run)) for _ in range(300)]
    await world.advance(1)
    # Once at the beginning, and ten times a second by a hundred.
    assert 300 < looks <= 300 + 10 * 100
    gate.opened.set()
    await world.advance(1)
    assert {one.status for one in await asyncio.gather(*waiting)} == {_E.SUCCESS}
