"""What every store must do, as one suite: subclass it, give it a store, run it with pytest (asyncio mode ``auto``).

::

    class TestMyStore(StoreContract):
        async def make_store(self) -> JobStore:
            return MyStore(...)
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agentcron.domain import changes
from agentcron.domain.budgets import Claim
from agentcron.domain.findings import Findings, Mark
from agentcron.domain.inputs import NOBODY, Decision, Given, InputKind, Question
from agentcron.domain.letters import LetterFilters
from agentcron.domain.lifecycle import ExecutionStatus, JobState, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import (
    AgentOutcome,
    Asking,
    Conversation,
    CostBasis,
    Cut,
    CutCause,
    Done,
    Errored,
    Failed,
    GivenBack,
    Held,
    Needless,
    Unneeded,
    Usage,
)
from agentcron.domain.planner import plan
from agentcron.domain.queries import DateRange, ExecutionFilters, JobFilters
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.retention import Retention
from agentcron.domain.settling import settle
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.spending import Amount
from agentcron.domain.statistics import Totals
from agentcron.errors import ConflictError
from agentcron.journal import Step
from agentcron.storage.memory import MemoryStorage
from agentcron.testing.glance_contract import GlanceContract
from agentcron.testing.outbox_contract import HERALD, OutboxContract
from agentcron.testing.store_bench import MINUTE, NOW, Bench, node

_E = ExecutionStatus
_YES_OR_NO = Question(key="c1", kind=InputKind.APPROVAL, question="mail", tool="mail", args={"to": "ü"})
_WHICH = Question(key="q", kind=InputKind.QUESTION, question="Which?\nOf two.", options=("a", "b"))


class StoreContract(GlanceContract, OutboxContract):
    """The behaviour that the engine relies on, whatever keeps the data."""

    # --- jobs -----------------------------------------------------------------------------------------------------

    async def test_a_created_job_is_read_back_with_every_field(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(
                schedule="30 9 * * MON-FRI", timezone="Europe/Berlin", overlap="buffer_one", catch_up="all",
                retry="attempts=3,backoff=5s", timeout="3s", metadata={"a": [1, "ü"]}, tags=["x", "y"], jitter="10m",
                max_runs=7, start_at="2026-03-02T00:00:00+00:00", end_at="2027-01-01T00:00:00+00:00", priority=-3,
            )  # fmt: skip
            stored = await bench.store.get_job(job.id)
            assert stored == job
            assert stored.status is JobStatus.WAITING

    async def test_an_interval_keeps_its_anchor(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(schedule="every 90s")
            stored = await bench.store.get_job(job.id)
            assert stored is not None
            assert stored.next_slot == NOW + timedelta(seconds=90)
            assert stored.schedule == job.schedule

    async def test_an_unknown_job_is_none(self) -> None:
        async with self.opened() as bench:
            assert await bench.store.get_job("nope") is None
            assert await bench.store.get_spec("nope", 1) is None
            assert await bench.store.find_jobs("nope") == []

    async def test_jobs_are_found_by_id_name_and_beginning_of_an_id(self) -> None:
        async with self.opened() as bench:
            first, second = await bench.job(name="same"), await bench.job(name="same")
            other = await bench.job(name="other")
            assert [job.id for job in await bench.store.find_jobs("same")] == [first.id, second.id]
            assert [job.id for job in await bench.store.find_jobs(other.id)] == [other.id]
            assert [job.id for job in await bench.store.find_jobs(other.id[:10])] == [other.id]

    async def test_lists_come_in_the_order_of_creation_and_in_pages(self) -> None:
        async with self.opened() as bench:
            made = [(await bench.job(name=f"job {number}")).id for number in range(5)]
            page = await bench.store.list_jobs(JobFilters(), limit=3)
            rest = await bench.store.list_jobs(JobFilters(), after=page.after, limit=3)
            assert [job.id for job in (*page.items, *rest.items)] == made
            assert rest.after is None

    async def test_filters_hold_together(self) -> None:
        async with self.opened() as bench:
            report = await bench.job(name="Daily Report", schedule="0 9 * * *", tags=["ops"])
            await bench.job(name="Nightly", schedule="0 2 * * *")
            for filters in (
                JobFilters(name_contains="report"),
                JobFilters(cron_pattern="0 9"),
                JobFilters(cron_pattern="00 9 * * *"),
                JobFilters(tag="ops"),
                JobFilters(status=[JobStatus.WAITING], name_contains="DAILY"),
                JobFilters(date_range=DateRange(start=NOW, end=NOW), name_contains="report"),
            ):
                assert [job.id for job in (await bench.store.list_jobs(filters)).items] == [report.id]
            assert (await bench.store.list_jobs(JobFilters(status=[JobStatus.PAUSED]))).items == []
            assert (await bench.store.list_jobs(JobFilters(date_range=DateRange(end=NOW - MINUTE)))).items == []

    async def test_an_edit_makes_a_version_and_keeps_the_old_one(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(prompt="old")
            edited = changes.edit(job, read_spec({"prompt": "new"}, base=job.spec), NOW, bench.new_id)
            assert await bench.commit(edited)
            stored = await bench.store.get_job(job.id)
            assert stored is not None
            assert (stored.prompt, stored.version) == ("new", 2)
            old = await bench.store.get_spec(job.id, 1)
            assert old is not None
            assert old.prompt == "old"

    async def test_who_made_a_job_stays_with_it(self) -> None:
        async with self.opened() as bench:
            made = changes.create(
                read_spec({"name": "n", "prompt": "p", "schedule": "every 1m"}), "one", NOW, made_by="a:b"
            )
            assert await bench.commit(made)
            assert made.job_after is not None
            job = await bench.read(made.job_after)
            assert await bench.commit(changes.edit(job, read_spec({"prompt": "new"}, base=job.spec), NOW, bench.new_id))
            await bench.run_due(await bench.read(job), NOW + MINUTE)
            assert await bench.store.restore([job.evolve(id="two")], []) == 1
            listed = (await bench.store.list_jobs(JobFilters())).items
            assert [(found.id, found.made_by) for found in listed] == [("one", "a:b"), ("two", "a:b")]
            assert (await bench.job()).made_by is None

    async def test_a_plan_made_from_an_older_state_is_refused(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            first, second = (changes.pause(job, NOW, bench.new_id) for _ in range(2))
            assert await bench.commit(first)
            assert not await bench.commit(second)

    async def test_of_several_plans_a_refused_one_leaves_its_neighbours(self) -> None:
        async with self.opened() as bench:
            one, two = await bench.job(name="one"), await bench.job(name="two")
            stale = changes.pause(one, NOW, bench.new_id)
            assert await bench.commit(stale)
            good = changes.pause(two, NOW, bench.new_id)
            assert stale is not None
            assert good is not None
            assert await bench.store.commit([stale, good]) == [False, True]

    async def test_a_deleted_job_goes_with_its_history_and_leaves_a_tombstone(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(name="gone")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            job = await bench.read(job)
            assert await bench.commit(changes.delete(job, NOW))
            assert await bench.store.get_job(job.id) is None
            assert await bench.store.get_execution(execution.id) is None
            assert await bench.store.deleted_at(job.id) == NOW
            assert await bench.store.deleted_at("gone") == NOW
            assert await bench.store.deleted_at("never was") is None
            assert await bench.store.settle([settle(execution, DONE, NOW, job.spec)]) == [False]

    async def test_due_jobs_come_soonest_first_with_the_time_of_the_next_one(self) -> None:
        async with self.opened() as bench:
            later = await bench.job(schedule="every 2m")
            soon = await bench.job(schedule="every 1m")
            far = await bench.job(schedule="every 1h")
            due = await bench.store.due(NOW + 2 * MINUTE, 10)
            assert [job.id for job in due.jobs] == [soon.id, later.id]
            assert due.next_at == far.next_run
            assert [job.id for job in (await bench.store.due(NOW + 2 * MINUTE, 1)).jobs] == [soon.id]
            assert (await bench.store.due(NOW, 10)).jobs == []

    async def test_a_due_job_says_all_that_a_plan_is_made_from(self) -> None:
        async with self.opened() as bench:
            made = await bench.job(max_runs=5)
            [run] = await bench.run_due(made, NOW + MINUTE)
            await bench.end(run, Failed(kind="agent", message="x", answer=AgentOutcome()), NOW + MINUTE)
            [due] = (await bench.store.due(NOW + 2 * MINUTE, 10)).jobs
            whole = await bench.read(made)
            assert (whole.runs, whole.streak, whole.revision) == (1, 1, 2)
            assert due.evolve(totals=Totals(), marks=()) == whole.evolve(totals=Totals(), marks=())

    async def test_a_paused_job_is_never_due(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            assert await bench.commit(changes.pause(job, NOW, bench.new_id))
            assert (await bench.store.due(NOW + 100 * MINUTE, 10)).jobs == []

    # --- claiming and settling ------------------------------------------------------------------------------------

    async def test_rows_of_a_provider_that_asks_to_wait_are_left_until_then(self) -> None:
        async with self.opened() as bench:
            job, other, free = await bench.job(agent="a"), await bench.job(agent="b"), await bench.job(agent="c")
            now, until = NOW + MINUTE, NOW + 5 * MINUTE
            assert await bench.tick(job, now)
            [row] = await bench.store.claim("me", now, 10, begin=True)
            await bench.end(row, Held(key="p", until=until, agents=("a", "b"), message="later"), now)
            held = await bench.store.get_execution(row.id)
            assert held is not None
            assert (held.status, held.wake_at, held.attempt, held.retries) == (_E.PENDING, until, 2, 0)
            assert (await bench.read(job)).streak == 0
            assert await bench.tick(other, now)
            assert await bench.tick(free, now)
            assert [found.agent for found in await bench.store.claim("me", now, 10)] == ["c"]
            waiting = [found.id for found in await bench.store.open_executions(other.id)]
            assert await bench.store.claim("me", now, 10, ids=waiting) == []
            again = await bench.store.claim("me", until, 10, begin=True)
            assert {found.agent for found in again} == {"a", "b"}

    async def test_steps_are_kept_until_the_execution_ends(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(on_interrupt="resume")
            assert await bench.tick(job, NOW + MINUTE)
            [first] = await bench.store.claim("me", NOW + MINUTE, 10, begin=True)
            begun, done = Step(n=1, name="call#0"), Step(n=0, name="ask#0", result='{"said":"ü"}')
            assert await bench.store.load_steps(first.id, 1) == []
            assert await bench.store.record_step(first.id, first.fence, 1, begun)
            assert await bench.store.record_step(first.id, first.fence, 1, done)
            assert list(await bench.store.load_steps(first.id, 1)) == [done, begun]
            assert list(await bench.store.load_steps(first.id, 2)) == []
            # The attempt is cut and goes on: what it had finished is still known.
            await bench.end(first, Cut(cause=CutCause.LOST), NOW + MINUTE)
            [again] = await bench.store.claim("me", NOW + MINUTE, 10, begin=True)
            assert (again.id, again.attempt) == (first.id, 1)
            finished = replace(begun, result="2")
            assert await bench.store.record_step(again.id, again.fence, 1, finished)
            assert list(await bench.store.load_steps(first.id, 1)) == [done, finished]
            await bench.end(again, DONE, NOW + MINUTE)
            assert list(await bench.store.load_steps(first.id, 1)) == []

    async def test_a_step_of_an_old_fence_is_refused(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(on_interrupt="resume")
            assert await bench.tick(job, NOW + MINUTE)
            [row] = await bench.store.claim("me", NOW + MINUTE, 10, begin=True)
            step = Step(n=0, name="ask#0", result="1")
            assert not await bench.store.record_step(row.id, row.fence + 1, 1, step)
            assert not await bench.store.record_step("nope", row.fence, 1, step)
            await bench.end(row, DONE, NOW + MINUTE)
            assert not await bench.store.record_step(row.id, row.fence, 1, step)
            assert list(await bench.store.load_steps(row.id, 1)) == []

    async def test_a_run_that_asks_is_parked_and_goes_on_once_all_is_answered(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            job = await bench.job(overlap="buffer_all")
            [run] = await bench.run_due(job, NOW + MINUTE)
            talk = Conversation(kind="k", format="messages", format_version=1, native=[{"role": "user", "text": "ü"}])
            said = AgentOutcome(usage=Usage(input_tokens=3, requests=1), cost_usd=Decimal("0.25"), conversation=talk)
            await bench.end(run, Asking(questions=(_YES_OR_NO, _WHICH), answer=said), NOW + MINUTE)
            parked = await store.get_execution(run.id)
            assert parked is not None
            expires = NOW + MINUTE + timedelta(hours=24)
            assert (parked.status, parked.wake_at, parked.owner) == (_E.AWAITING_INPUT, expires, None)
            assert (parked.asked, parked.attempt, parked.retries, parked.usage) == (1, 1, 0, said.usage)
            assert parked.conversation == talk
            now_job = await bench.read(job)
            assert (now_job.open, now_job.running) == (1, 0)
            approval, question = await store.list_inputs()
            assert (approval.kind, approval.tool, approval.args) == (InputKind.APPROVAL, "mail", {"to": "ü"})
            assert (question.options, question.key, question.attempt) == (("a", "b"), "q", 1)
            assert (question.asked_at, question.expires_at, question.waiting) == (NOW + MINUTE, expires, True)
            assert (question.job_id, question.execution_id) == (job.id, run.id)
            assert await store.get_input(question.id[:8]) == question
            # It holds no lane: what comes after it runs meanwhile.
            [other] = await bench.run_due(await bench.read(job), NOW + 2 * MINUTE)
            yes = Given(decision=Decision.APPROVED, by="ann")
            later = NOW + 2 * MINUTE
            assert await store.answer_input(approval.id, yes, later)
            assert not await store.answer_input(approval.id, Given(decision=Decision.DENIED), later)
            assert [one.id for one in await store.list_inputs(job_id=job.id)] == [question.id]
            still = await store.get_execution(run.id)
            assert still is not None
            assert still.status is _E.AWAITING_INPUT
            assert await store.answer_input(question.id, Given(decision=Decision.ANSWERED, answer="b"), later)
            assert await store.list_inputs() == []
            # It waits for its lane as any other.
            assert await store.claim("me", later, 10, begin=True) == []
            await bench.end(other, DONE, later)
            [again] = await store.claim("me", later, 10, begin=True)
            assert (again.id, again.attempt, again.retries, again.fence) == (run.id, 1, 0, run.fence + 1)
            assert (again.asked, again.usage) == (1, said.usage)
            await bench.end(again, Done(answer=AgentOutcome(output="sent", usage=Usage(input_tokens=5))), later)
            ended = await store.get_execution(run.id)
            assert ended is not None
            assert (ended.status, ended.result, ended.usage) == (_E.SUCCESS, "sent", Usage(input_tokens=5))
            assert (await bench.read(job)).totals.tokens == 5
            told = await store.list_inputs(execution_id=run.id, closed=True)
            assert [(one.decision, one.answer, one.answered_by, one.waiting) for one in told] == [
                (Decision.APPROVED, None, "ann", False), (Decision.ANSWERED, "b", None, False)
            ]  # fmt: skip

    async def test_what_is_parked_lapses_at_its_time_or_when_it_is_canceled(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            one, two = await bench.job(input_timeout="1h"), await bench.job(input_timeout="2h")
            parked = []
            for job in (one, two):
                [run] = await bench.run_due(job, NOW + MINUTE)
                await bench.end(run, Asking(questions=(_WHICH,)), NOW + MINUTE)
                parked.append(run)
            late = NOW + MINUTE + timedelta(hours=1)
            assert await store.lapsed(late, 10) == []
            [first, second] = await store.list_inputs()
            answer = Given(decision=Decision.ANSWERED, answer="a")
            # Its hour is over: only who answers for nobody still may.
            assert not await store.answer_input(first.id, answer, late)
            assert [row.id for row in await store.lapsed(late + timedelta(seconds=1), 10)] == [parked[0].id]
            assert await store.answer_input(first.id, replace(answer, by=NOBODY), late)
            await store.ask_cancel([parked[1].id], late)
            assert not await store.answer_input(second.id, answer, late)
            assert [row.id for row in await store.lapsed(late, 10)] == [parked[1].id]
            [row] = await store.ask_cancel([parked[1].id], late)
            await bench.end(row, Cut(cause=CutCause.CANCEL), late)
            assert await store.list_inputs() == []
            [over] = await store.list_inputs(execution_id=row.id, closed=True)
            assert (over.decision, over.waiting) == (None, False)
            assert not await store.answer_input("nope", answer, late)

    async def test_parking_with_an_old_fence_asks_nothing(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [run] = await bench.run_due(job, NOW + MINUTE)
            stale = settle(run.evolve(fence=9), Asking(questions=(_WHICH,)), NOW + MINUTE, await bench.spec(run))
            assert await bench.store.settle([stale]) == [False]
            assert await bench.store.list_inputs(closed=True) == []

    async def test_parking_ends_the_journal_unless_the_run_begins_again_from_it(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(on_interrupt="resume")
            [run] = await bench.run_due(job, NOW + MINUTE)
            step = Step(n=0, name="ask#0", result="1")
            assert await bench.store.record_step(run.id, run.fence, 1, step)
            await bench.end(run, Asking(questions=(_WHICH,), fresh_steps=False), NOW + MINUTE)
            assert list(await bench.store.load_steps(run.id, 1)) == [step]
            [asked] = await bench.store.list_inputs()
            assert await bench.store.answer_input(asked.id, Given(decision=Decision.DENIED), NOW + MINUTE)
            [again] = await bench.store.claim("me", NOW + MINUTE, 1, begin=True)
            await bench.end(again, Asking(questions=(_WHICH,)), NOW + MINUTE)
            assert list(await bench.store.load_steps(run.id, 1)) == []
            assert len(await bench.store.list_inputs(execution_id=run.id, closed=True)) == 2

    async def test_what_was_asked_goes_with_its_execution(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [run] = await bench.run_due(job, NOW + MINUTE)
            await bench.end(run, Asking(questions=(_WHICH,)), NOW + MINUTE)
            assert await bench.commit(changes.delete(await bench.read(job), NOW + MINUTE))
            assert await bench.store.list_inputs(closed=True) == []

    async def test_a_planned_slot_is_claimed_once(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            now = NOW + MINUTE
            assert await bench.tick(job, now)
            [execution] = await bench.store.claim("me", now, 10, begin=True)
            assert execution.status is _E.RUNNING
            assert (execution.fence, execution.attempt, execution.begun, execution.owner) == (1, 1, True, "me")
            assert execution.scheduled_for == now
            assert execution.start_time == now
            assert await bench.store.claim("me", now, 10, begin=True) == []
            stored = await bench.read(job)
            assert (stored.status, stored.open, stored.running, stored.last_run) == (JobStatus.RUNNING, 1, 1, now)

    async def test_nothing_is_claimed_before_its_time(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(retry="attempts=2,backoff=60s,jitter=0")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            await bench.end(execution, Errored(kind="network", message="no route", retryable=True), NOW + MINUTE)
            assert await bench.store.claim("me", NOW + MINUTE, 10) == []
            ready = await bench.store.ready_at()
            assert ready is not None
            [again] = await bench.store.claim("me", ready, 10, begin=True)
            assert (again.id, again.attempt, again.retries, again.fence) == (execution.id, 2, 1, 2)

    async def test_only_named_rows_are_claimed_where_ids_are_given(self) -> None:
        async with self.opened() as bench:
            one, two = await bench.job(name="one"), await bench.job(name="two")
            now = NOW + MINUTE
            assert await bench.tick(one, now)
            assert await bench.tick(two, now)
            wanted = [execution.id for execution in await bench.store.open_executions(two.id)]
            claimed = await bench.store.claim("me", now, 10, ids=wanted)
            assert [execution.job_id for execution in claimed] == [two.id]
            assert not claimed[0].begun

    async def test_a_named_row_passes_those_that_wait_in_its_lane_and_never_one_that_runs(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="buffer_all")
            for number in (1, 2, 3):
                assert await bench.tick(await bench.read(job), NOW + number * MINUTE)
            now = NOW + 3 * MINUTE
            first, second, third = await bench.store.open_executions(job.id)
            [claimed] = await bench.store.claim("me", now, 10, ids=[third.id, second.id], begin=True)
            assert claimed.id == second.id
            assert await bench.store.claim("me", now, 10, ids=[first.id]) == []
            await bench.end(claimed, DONE, now)
            [claimed] = await bench.store.claim("me", now, 10, begin=True)
            assert claimed.id == first.id

    async def test_lower_priority_numbers_are_claimed_first(self) -> None:
        async with self.opened() as bench:
            usual, urgent = await bench.job(), await bench.job(priority=-1)
            for job in (usual, urgent):
                assert await bench.tick(job, NOW + MINUTE)
            claimed = await bench.store.claim("me", NOW + MINUTE, 10)
            assert [execution.job_id for execution in claimed] == [urgent.id, usual.id]

    async def test_a_queue_runs_no_more_at_once_than_its_concurrency_and_holds_up_no_other(self) -> None:
        limits = ClaimLimits(queues={"reports": 2, "idle": 1})
        async with self.opened() as bench:
            reports = [await bench.job(queue="reports", priority=-5) for _ in range(4)]
            others = [await bench.job(queue="mails"), await bench.job()]
            for job in (*reports, *others):
                assert await bench.tick(job, NOW + MINUTE)
            claimed: list[Execution] = []
            while found := await bench.store.claim("me", NOW + MINUTE, 3, begin=True, limits=limits):
                claimed += found
            assert sorted(row.job_id for row in claimed) == sorted(job.id for job in (*reports[:2], *others))
            named = [row.id for row in await bench.store.open_executions(reports[2].id)]
            assert await bench.store.claim("me", NOW + MINUTE, 3, ids=named, limits=limits) == []
            await bench.end(claimed[0], DONE, NOW + MINUTE)
            freed = await bench.store.claim("other", NOW + MINUTE, 3, begin=True, limits=limits)
            assert [row.job_id for row in freed] == [reports[2].id]
            assert len(await bench.store.claim("me", NOW + MINUTE, 3)) == 1

    async def test_no_more_runs_at_once_than_are_allowed_everywhere(self) -> None:
        limits = ClaimLimits(queues={"reports": 1}, everywhere=3)
        async with self.opened() as bench:
            for queue in ("reports", "reports", None, None, None):
                assert await bench.tick(await bench.job(queue=queue, overlap="allow_all"), NOW + MINUTE)
            claims = [await bench.store.claim(name, NOW + MINUTE, 2, begin=True, limits=limits) for name in "abc"]
            claimed = [row for found in claims for row in found]
            assert len(claimed) == 3
            await bench.end(claimed[0], DONE, NOW + MINUTE)
            assert len(await bench.store.claim("me", NOW + MINUTE, 9, begin=True, limits=limits)) == 1

    async def test_what_is_caught_up_is_claimed_behind_all_that_is_on_time_and_no_more_than_allowed(self) -> None:
        async with self.opened() as bench:
            late = [await bench.job("every 1h", priority=-1000) for _ in range(3)]
            now = NOW + 90 * MINUTE
            for job in late:
                assert await bench.tick(job, now)
            fresh = changes.create(read_spec({"name": "f", "prompt": "x", "schedule": "* * * * *"}), "f" * 16, now)
            assert fresh.job_after is not None
            assert await bench.commit(fresh)
            assert await bench.tick(fresh.job_after, now + MINUTE)
            first = await bench.store.claim("me", now + MINUTE, 10, begin=True, caught_up=1)
            assert [row.job_id == "f" * 16 for row in first] == [True, False]
            assert [row.caught_up for row in first] == [False, True]
            assert await bench.store.claim("me", now + MINUTE, 10, begin=True, caught_up=0) == []
            assert len(await bench.store.claim("me", now + MINUTE, 10, begin=True)) == 2

    async def test_an_execution_that_was_not_begun_is_begun_by_its_fence_only(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            assert await bench.tick(job, NOW + MINUTE)
            [execution] = await bench.store.claim("me", NOW + MINUTE, 1)
            assert not await bench.store.begin(execution.id, execution.fence - 1, NOW + MINUTE)
            assert await bench.store.begin(execution.id, execution.fence, NOW + MINUTE)

    async def test_a_run_that_begins_within_a_budget_is_the_last_run_of_its_job(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(budgets="runs=5,window=1d")
            [row] = await bench.run_due(job, NOW + MINUTE)
            assert not row.begun
            verdict = await bench.store.begin_within(
                row.id, row.fence, NOW + 2 * MINUTE, Claim(caps=(), expected=Amount())
            )
            assert verdict is not None
            assert (await bench.read(job)).last_run == NOW + 2 * MINUTE

    async def test_a_run_whose_beginning_its_owner_never_heard_of_stays_begun(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(expect="changed:out.md")
            assert await bench.tick(job, NOW + MINUTE)
            [row] = await bench.store.claim("me", NOW + MINUTE, 1)
            found = Findings(before=(Mark("changed:out.md", "-", NOW),))
            assert await bench.store.begin(row.id, row.fence, NOW + MINUTE, found)
            await bench.end(row, GivenBack(ready_at=NOW + 2 * MINUTE), NOW + 2 * MINUTE)
            waiting = await bench.store.get_execution(row.id)
            assert waiting is not None
            assert (waiting.status, waiting.begun, waiting.start_time, waiting.findings) == (
                _E.PENDING, True, NOW + MINUTE, found,
            )  # fmt: skip
            await bench.end(waiting, Cut(cause=CutCause.CANCEL), NOW + 3 * MINUTE)
            ended = await bench.store.get_execution(row.id)
            assert ended is not None
            assert ended.status is _E.INCOMPLETE

    async def test_a_success_keeps_answer_conversation_usage_and_cost(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(prompt="say it")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            talk = Conversation(kind="python", format="messages", format_version=1, native=[{"text": "ü" * 2000}])
            answer = AgentOutcome(
                output="it" * 1000,
                usage=Usage(input_tokens=7, output_tokens=5, cached_tokens=1, requests=2, tool_calls=3),
                cost_usd=Decimal("0.001234"),
                conversation=talk,
            )
            await bench.end(execution, Done(answer=answer), NOW + 2 * MINUTE)
            stored = await bench.store.get_execution(execution.id)
            assert stored is not None
            assert (stored.status, stored.result, stored.prompt) == (_E.SUCCESS, "it" * 1000, "say it")
            assert (stored.usage, stored.cost_usd, stored.conversation) == (answer.usage, answer.cost_usd, talk)
            assert stored.duration == MINUTE
            after = await bench.read(job)
            assert (after.status, after.open, after.running, after.runs) == (JobStatus.WAITING, 0, 0, 1)
            assert (after.totals.success, after.totals.tokens) == (1, 12)
            assert (after.totals.cost_usd, after.totals.duration) == (Decimal("0.001234"), MINUTE)

    async def test_a_final_row_is_never_changed(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [execution] = await bench.run_due(job, NOW + MINUTE)
            late = settle(execution, Errored(kind="x", message="late"), NOW + MINUTE, job.spec)
            await bench.end(execution, DONE, NOW + MINUTE)
            assert await bench.store.settle([late]) == [False]
            stored = await bench.store.get_execution(execution.id)
            assert stored is not None
            assert stored.status is _E.SUCCESS

    async def test_an_older_fence_may_not_settle(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(on_interrupt="retry")
            [old] = await bench.run_due(job, NOW + MINUTE)
            await bench.end(old, Cut(cause=CutCause.LOST), NOW + MINUTE)
            [new] = await bench.store.claim("me", NOW + MINUTE, 1, begin=True)
            assert (new.id, new.attempt) == (old.id, 2)
            assert await bench.store.settle([settle(old, DONE, NOW + MINUTE, job.spec)]) == [False]
            assert not await bench.store.note_agent(old.id, old.fence, "late")
            await bench.end(new, DONE, NOW + MINUTE)

    async def test_failures_grow_the_streak_and_a_success_ends_it(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            bad = Failed(kind="agent", message="could not", answer=AgentOutcome(output="half"))
            for number, outcome, streak in ((1, bad, 1), (2, bad, 2), (3, DONE, 0)):
                [execution] = await bench.run_due(await bench.read(job), NOW + number * MINUTE)
                await bench.end(execution, outcome, NOW + number * MINUTE)
                assert (await bench.read(job)).streak == streak

    async def test_ends_that_are_told_together_count_in_their_order(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="allow_all")
            for _ in range(3):
                assert await bench.commit(changes.run_now(await bench.read(job), NOW, bench.new_id()))
            runs = await bench.store.claim("me", NOW, 10, begin=True)
            bad = Failed(kind="agent", message="could not", answer=AgentOutcome(output="half"))
            ends = [settle(run, bad, NOW, job.spec) for run in runs[:2]] + [settle(runs[2], DONE, NOW, job.spec)]
            assert await bench.store.settle(ends) == [True, True, True]
            assert (await bench.read(job)).streak == 0

    async def test_a_streak_makes_the_planner_look_and_pause(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(pause_after_failures=1)
            now = NOW + MINUTE
            [execution] = await bench.run_due(job, now)
            await bench.end(execution, Errored(kind="auth", message="no"), now)
            [looked] = (await bench.store.due(now, 10)).jobs
            assert await bench.tick(looked, now)
            paused = await bench.read(job)
            assert (paused.state, paused.state_reason, paused.next_run) == (JobState.PAUSED, "streak", None)

    async def test_the_last_run_makes_the_planner_look_and_complete(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(max_runs=1)
            now = NOW + MINUTE
            [execution] = await bench.run_due(job, now)
            assert (await bench.store.due(now + 100 * MINUTE, 10)).jobs == []
            await bench.end(execution, DONE, now)
            [looked] = (await bench.store.due(now, 10)).jobs
            assert await bench.tick(looked, now)
            assert (await bench.read(job)).status is JobStatus.COMPLETED

    async def test_a_last_run_that_ends_while_the_last_slot_is_planned_still_makes_the_planner_look(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(end_at=(NOW + 2 * MINUTE).isoformat())
            [execution] = await bench.run_due(job, NOW + MINUTE)
            now = NOW + 2 * MINUTE
            made = plan(await bench.read(job), now, bench.new_id)
            await bench.end(execution, DONE, now)
            assert await bench.commit(made)
            [looked] = (await bench.store.due(now, 10)).jobs
            assert await bench.tick(looked, now)
            assert (await bench.read(job)).status is JobStatus.COMPLETED

    async def test_rows_of_a_lane_run_one_after_another(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="buffer_all")
            for number in (1, 2, 3):
                assert await bench.tick(await bench.read(job), NOW + number * MINUTE)
            now = NOW + 3 * MINUTE
            for number in (1, 2, 3):
                [execution] = await bench.store.claim("me", now, 10, begin=True)
                assert execution.at == NOW + number * MINUTE
                assert await bench.store.claim("me", now, 10, begin=True) == []
                await bench.end(execution, DONE, now)

    async def test_rows_without_a_lane_run_side_by_side(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="allow_all")
            for number in (1, 2):
                assert await bench.tick(await bench.read(job), NOW + number * MINUTE)
            assert len(await bench.store.claim("me", NOW + 2 * MINUTE, 10)) == 2

    async def test_slots_that_do_not_run_are_rows_and_counted(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            assert await bench.tick(job, NOW + 60 * MINUTE)
            rows = (await bench.store.list_executions(ExecutionFilters(job_id=job.id, include_skipped=True), 10)).items
            missed = rows[-1]
            assert (missed.status, missed.reason) == (_E.MISSED, "coalesced")
            assert (missed.scheduled_for, missed.last_scheduled_for) == (NOW + MINUTE, NOW + 58 * MINUTE)
            assert missed.slots == 58
            assert (await bench.read(job)).totals.missed == 58
            runs = (await bench.store.list_executions(ExecutionFilters(job_id=job.id), 10)).items
            assert [row.status for row in runs] == [_E.PENDING]

    async def test_the_row_of_an_instant_is_the_last_one_not_after_it(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            assert await bench.tick(job, NOW + 60 * MINUTE)
            row = await bench.store.slot_at(job.id, NOW + 30 * MINUTE)
            assert row is not None
            assert row.at == NOW + MINUTE
            assert await bench.store.slot_at(job.id, NOW) is None

    async def test_two_manual_runs_at_one_instant_are_two_rows(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            for _ in range(2):
                assert await bench.commit(changes.run_now(await bench.read(job), NOW, bench.new_id()))
            rows = await bench.store.open_executions(job.id)
            assert len({row.at for row in rows}) == 2
            assert all(row.scheduled_for is None for row in rows)

    async def test_a_manual_run_gives_way_to_a_slot_of_the_very_same_instant(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(schedule="every 30s", overlap="allow_all")
            assert await bench.commit(changes.run_now(job, NOW + MINUTE, "manual"))
            assert await bench.tick(await bench.read(job), NOW + MINUTE)
            rows = {row.at: row.id for row in await bench.store.open_executions(job.id)}
            assert rows.pop(NOW + MINUTE + timedelta(microseconds=1)) == "manual"
            assert set(rows) == {NOW + MINUTE / 2, NOW + MINUTE}

    async def test_history_is_read_newest_first_in_pages(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            for number in range(1, 6):
                [execution] = await bench.run_due(await bench.read(job), NOW + number * MINUTE)
                await bench.end(execution, DONE, NOW + number * MINUTE)
            for filters in (ExecutionFilters(job_id=job.id), ExecutionFilters()):
                page = await bench.store.list_executions(filters, 3)
                rest = await bench.store.list_executions(replace(filters, before=page.after), 3)
                assert [row.at for row in (*page.items, *rest.items)] == [NOW + n * MINUTE for n in (5, 4, 3, 2, 1)]
                assert rest.after is None
            failed = ExecutionFilters(statuses=[_E.FAILURE])
            assert (await bench.store.list_executions(failed, 3)).items == []

    async def test_an_execution_is_found_by_the_beginning_of_its_id(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [execution] = await bench.run_due(job, NOW + MINUTE)
            found = await bench.store.get_execution(execution.id[:-2])
            assert found is not None
            assert found.id == execution.id
            assert await bench.store.get_execution("zz") is None

    async def test_what_several_ids_begin_with_is_refused_with_some_of_them(self) -> None:
        async with self.opened() as bench:
            store = bench.store
            # Of so many ids two begin with the same digit.
            jobs = [await bench.job(notify=["ops: success"]) for _ in range(18)]
            rows = [row for job in jobs for row in await bench.run_due(job, NOW + MINUTE)]
            questions = tuple(replace(_WHICH, key=f"q{n}") for n in range(17))
            await bench.end(rows[0], Asking(questions=questions, answer=AgentOutcome()), NOW + MINUTE)
            for row in rows[1:]:
                ending = settle(row, DONE, NOW + MINUTE, await bench.spec(row))
                assert await store.settle([HERALD.settlement(ending)]) == [True]
            letters = await store.list_letters(LetterFilters(), 100)
            reads: dict[str, tuple[Callable[[str], Awaitable[Any]], set[str]]] = {
                "execution": (store.get_execution, {row.id for row in rows}),
                "input": (store.get_input, {one.id for one in await store.list_inputs()}),
                "letter": (store.get_letter, {one.id for one in letters}),
            }
            for what, (read, ids) in reads.items():
                digit, many = Counter(key[0] for key in ids).most_common(1)[0]
                meant = {key for key in ids if key[0] == digit}
                told = ""
                try:
                    await read(digit)
                except ConflictError as error:
                    told = str(error)
                assert told.startswith(f"{what} {digit!r} is ambiguous: "), what
                assert sum(key in told for key in meant) == min(many, 4), what
                assert ("and others" in told) == (many > 4), what

    # --- cancel, beat, lapse --------------------------------------------------------------------------------------

    async def test_a_cancel_reaches_the_running_by_beat_and_keeps_the_waiting_from_a_claim(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="buffer_all")
            [running] = await bench.run_due(job, NOW + MINUTE)
            assert await bench.tick(await bench.read(job), NOW + 2 * MINUTE)
            mine = [(running.id, running.fence)]
            assert (await bench.store.beat("me", NOW, mine)).cancel == []
            asked = await bench.store.ask_cancel([row.id for row in await bench.store.open_executions(job.id)], NOW)
            assert len(asked) == 2
            orders = await bench.store.beat("me", NOW, mine)
            assert (list(orders.cancel), list(orders.lost)) == ([running.id], [])
            [waiting] = await bench.store.lapsed(NOW + 2 * MINUTE, 10)
            assert waiting.status is _E.PENDING
            await bench.end(running, Cut(cause=CutCause.CANCEL), NOW + 2 * MINUTE)
            assert await bench.store.claim("me", NOW + 2 * MINUTE, 10) == []
            await bench.end(waiting, Cut(cause=CutCause.CANCEL), NOW + 2 * MINUTE)
            ended = await bench.store.get_execution(waiting.id)
            assert ended is not None
            assert (ended.status, ended.reason) == (_E.SKIPPED, "canceled")
            assert (await bench.read(job)).open == 0

    async def test_a_run_that_is_cut_keeps_its_agent_and_a_bill_of_nothing(self) -> None:
        async with self.opened() as bench:
            free = AgentOutcome(cost_usd=Decimal(0), cost_basis=CostBasis.REPORTED)
            for answer, cost in ((None, None), (free, 0)):
                [run] = await bench.run_due(await bench.job(), NOW + MINUTE)
                cut = settle(run, Cut(cause=CutCause.CANCEL, answer=answer), NOW + MINUTE, await bench.spec(run))
                known = replace(cut, after=cut.after.evolve(agent_id="agent-7"))
                assert await bench.store.settle([known]) == [True]
                ended = await bench.store.get_execution(run.id)
                assert ended is not None
                assert (ended.agent_id, ended.cost_usd) == ("agent-7", cost)

    async def test_a_canceled_job_cancels_everything_open(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            await bench.run_due(job, NOW + MINUTE)
            assert await bench.commit(changes.cancel(await bench.read(job), NOW + MINUTE, bench.new_id))
            rows = await bench.store.open_executions(job.id)
            assert [row.cancel_requested for row in rows] == [NOW + MINUTE]

    async def test_cancel_other_spares_the_new_slot(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="cancel_other")
            [old] = await bench.run_due(job, NOW + MINUTE)
            assert await bench.tick(await bench.read(job), NOW + 2 * MINUTE)
            flags = {row.id: row.cancel_requested for row in await bench.store.open_executions(job.id)}
            assert flags.pop(old.id) == NOW + 2 * MINUTE
            assert list(flags.values()) == [None]

    async def test_a_row_taken_from_a_node_is_told_as_lost(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [execution] = await bench.run_due(job, NOW + MINUTE)
            await bench.end(execution, Cut(cause=CutCause.TIMEOUT), NOW + MINUTE)
            orders = await bench.store.beat("me", NOW, [(execution.id, execution.fence)])
            assert list(orders.lost) == [execution.id]

    async def test_rows_of_a_node_that_is_gone_lapse_at_once(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            assert await bench.tick(job, NOW + MINUTE)
            [lost] = await bench.store.claim("a node that never was", NOW + MINUTE, 1, begin=True)
            assert [row.id for row in await bench.store.lapsed(NOW + MINUTE, 10)] == [lost.id]

    async def test_a_running_row_lapses_after_its_deadline(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(timeout="10s")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            assert await bench.store.lapsed(NOW + MINUTE + timedelta(seconds=10), 10) == []
            assert [row.id for row in await bench.store.lapsed(NOW + 3 * MINUTE, 10)] == [execution.id]

    async def test_a_running_row_is_renewed_by_its_fence_only(self) -> None:
        async with self.opened() as bench:
            [execution] = await bench.run_due(await bench.job(timeout="10m"), NOW + MINUTE)
            later = NOW + 60 * MINUTE
            assert not await bench.store.renew(execution.id, execution.fence - 1, later)
            assert len(await bench.store.lapsed(NOW + 59 * MINUTE, 10)) == 1
            assert await bench.store.renew(execution.id, execution.fence, later)
            assert await bench.store.lapsed(NOW + 59 * MINUTE, 10) == []
            await bench.end(execution, DONE, NOW + 2 * MINUTE)
            assert not await bench.store.renew(execution.id, execution.fence, later)

    async def test_the_process_of_an_open_attempt_is_remembered(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [execution] = await bench.run_due(job, NOW + MINUTE)
            assert await bench.store.process_of(execution.id) is None
            assert await bench.store.note_agent(execution.id, execution.fence, "agent-1", "12:3.5")
            assert await bench.store.process_of(execution.id) == "12:3.5"
            await bench.end(execution, DONE, NOW + MINUTE)
            stored = await bench.store.get_execution(execution.id)
            assert stored is not None
            assert stored.agent_id == "agent-1"

    async def test_nodes_are_kept_after_they_left(self) -> None:
        async with self.opened() as bench:
            [node] = await bench.store.nodes()
            assert (node.id, node.alive, node.stopped_at) == ("me", True, None)
            await bench.store.leave("me", NOW + MINUTE)
            [node] = await bench.store.nodes()
            assert (node.alive, node.stopped_at) == (False, NOW + MINUTE)

    # --- moving in ------------------------------------------------------------------------------------------------

    async def test_jobs_and_executions_of_another_store_are_added_as_they_are(self) -> None:
        job = Job(
            id="job-1", spec=read_spec({"name": "moved", "prompt": "do it", "schedule": "0 9 * * *"}), created=NOW,
            version=3, revision=7, next_slot=NOW + MINUTE, next_run=NOW + MINUTE, last_run=NOW - MINUTE, runs=2,
            streak=1, totals=Totals(success=1, failure=1, tokens=5, cost_usd=Decimal("0.25"), duration=MINUTE),
        )  # fmt: skip
        ended = Execution(
            id="exec-1", job_id=job.id, version=1, at=NOW - 2 * MINUTE, status=_E.SUCCESS, begun=True, fence=1,
            attempt=1, start_time=NOW - 2 * MINUTE, end_time=NOW - MINUTE, agent_id="agent-1",
            prompt="do it of old", result="did", usage=Usage(input_tokens=5), cost_usd=Decimal("0.25"),
        )  # fmt: skip
        cut = Execution(
            id="exec-2", job_id=job.id, version=3, at=NOW - 2 * MINUTE, status=_E.RUNNING, begun=True, fence=1,
            attempt=1, start_time=NOW - MINUTE, wake_at=NOW - MINUTE, owner="elsewhere",
        )  # fmt: skip
        async with self.opened() as bench:
            assert await bench.store.restore([job], [ended, cut]) == 1
            stored = await bench.read(job)
            assert stored == job.evolve(open=1, running=1)
            first = await bench.store.get_execution(ended.id)
            assert first is not None
            assert (first.status, first.prompt, first.result) == (_E.SUCCESS, "do it of old", "did")
            assert (first.agent_id, first.usage, first.duration) == ("agent-1", ended.usage, MINUTE)
            [lapsed] = await bench.store.lapsed(NOW, 10)
            assert (lapsed.id, lapsed.at) == (cut.id, cut.at + timedelta(microseconds=1))
            figures = await bench.store.statistics()
            assert (figures.total_executions, figures.tokens, figures.mean_duration) == (1, 5, MINUTE)

    async def test_a_job_whose_id_is_taken_is_not_added_again(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            row = Execution(id="exec-1", job_id=job.id, version=1, at=NOW, status=_E.MISSED, end_time=NOW)
            assert await bench.store.restore([job.evolve(streak=5)], [row]) == 0
            assert await bench.read(job) == job
            assert await bench.store.get_execution(row.id) is None

    async def test_rows_of_one_commit_stand_in_the_order_of_their_plans(self) -> None:
        async with self.opened() as bench:
            waits = await bench.job(name="waits", overlap="buffer_all")
            others = [await bench.job(name=f"other {number}") for number in range(3)]
            assert await bench.tick(waits, NOW + MINUTE)
            plans = [plan(job, NOW + MINUTE, bench.new_id) for job in others]
            plans.insert(1, plan(await bench.read(waits), NOW + 2 * MINUTE, bench.new_id))
            made = [one for one in plans if one is not None]
            assert await bench.store.commit(made) == [True] * 4
            opened = [row.id for row in await bench.store.open_executions()][1:]
            assert opened == [row.id for one in made for row in one.rows if not row.final]

    # --- gates and checks -----------------------------------------------------------------------------------------

    async def test_a_row_that_looks_first_is_claimed_and_not_begun(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(when_changed="file:a")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            assert (execution.status, execution.begun, execution.start_time) == (_E.RUNNING, False, None)
            assert (await bench.read(job)).last_run is None
            assert await bench.store.begin(execution.id, execution.fence, NOW + 2 * MINUTE, FINDINGS)
            stored = await bench.store.get_execution(execution.id)
            assert stored is not None
            assert (stored.begun, stored.start_time, stored.findings) == (True, NOW + 2 * MINUTE, FINDINGS)
            assert (await bench.read(job)).last_run == NOW + 2 * MINUTE
            assert (await bench.read(job)).marks == ()

    async def test_a_row_that_was_begun_once_goes_on_with_what_was_found_then(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(when_changed="file:a", on_interrupt="resume")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            assert await bench.store.begin(execution.id, execution.fence, NOW + MINUTE, FINDINGS)
            begun = execution.evolve(begun=True, start_time=NOW + MINUTE, findings=FINDINGS)
            await bench.end(begun, Cut(cause=CutCause.LOST), NOW + 2 * MINUTE)
            [again] = await bench.store.claim("me", NOW + 2 * MINUTE, 1, begin=True)
            assert (again.begun, again.findings, again.fence) == (True, FINDINGS, 2)
            await bench.end(again, DONE, NOW + 3 * MINUTE)
            assert (await bench.read(job)).marks == FINDINGS.marks

    async def test_a_success_moves_the_marks_and_no_other_plan_takes_them_back(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(when_changed="file:a")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            made_before = plan(await bench.read(job), NOW + 2 * MINUTE, bench.new_id)
            assert await bench.store.begin(execution.id, execution.fence, NOW + MINUTE, FINDINGS)
            begun = execution.evolve(begun=True, start_time=NOW + MINUTE, findings=FINDINGS)
            await bench.end(begun, Done(answer=AgentOutcome(output="x"), silent=True), NOW + MINUTE)
            assert await bench.commit(made_before)
            assert (await bench.read(job)).marks == FINDINGS.marks
            stored = await bench.store.get_execution(execution.id)
            assert stored is not None
            assert stored.findings == replace(FINDINGS, silent=True)

    async def test_a_slot_that_a_gate_skips_is_counted_and_moves_no_mark(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(when_changed="file:a")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            await bench.end(execution, Unneeded(cause=Needless.GATE, findings=FINDINGS), NOW + MINUTE)
            stored = await bench.store.get_execution(execution.id)
            assert stored is not None
            assert (stored.status, stored.reason, stored.findings) == (_E.SKIPPED, "gate", FINDINGS)
            kept = await bench.read(job)
            assert (kept.marks, kept.totals.skipped, kept.totals.gated, kept.open) == ((), 1, 1, 0)
            assert ((await bench.store.statistics()).gated, kept.streak) == (1, 0)

    async def test_among_many_that_begin_and_end_at_once_one_that_looks_first_is_not_taken_for_common(self) -> None:
        async with self.opened() as bench:
            common = [await bench.job(name=f"common {number}") for number in range(3)]
            gated = [await bench.job(name=f"gated {number}", when_changed="file:a") for number in range(3)]
            now = NOW + MINUTE
            plans = [plan(job, now, bench.new_id) for job in (*common, *gated)]
            made = [one for one in plans if one is not None]
            applied, rows = await bench.store.commit_and_claim(made, "me", now, 10, caught_up=10)
            assert applied == [True] * 6
            by_job = {row.job_id: row for row in rows}
            assert [by_job[job.id].begun for job in (*common, *gated)] == [True] * 3 + [False] * 3
            ends = []
            for job in (*common, *gated):
                row = by_job[job.id]
                if not row.begun:
                    assert await bench.store.begin(row.id, row.fence, now, FINDINGS)
                    row = row.evolve(begun=True, start_time=now, findings=FINDINGS)
                ends.append(settle(row, DONE, now + MINUTE, job.spec))
            assert await bench.store.settle(ends) == [True] * 6
            marks = [(await bench.read(job)).marks for job in (*common, *gated)]
            assert marks == [()] * 3 + [FINDINGS.marks] * 3
            row_kept = await bench.store.get_execution(ends[-1].after.id)
            assert row_kept is not None
            assert (row_kept.status, row_kept.findings, row_kept.result) == (_E.SUCCESS, FINDINGS, "done")

    async def test_marks_and_findings_of_another_store_are_added_as_they_are(self) -> None:
        spec = read_spec({"name": "moved", "prompt": "p", "schedule": "0 9 * * *", "when_changed": "file:a"})
        totals = Totals(success=2, skipped=5, gated=4, cost_usd=Decimal("0.5"))
        job = Job(id="job-1", spec=spec, created=NOW, marks=FINDINGS.marks, totals=totals)
        row = Execution(
            id="exec-1", job_id=job.id, version=1, at=NOW, status=_E.SKIPPED, reason="gate", end_time=NOW,
            findings=FINDINGS,
        )  # fmt: skip
        async with self.opened() as bench:
            assert await bench.store.restore([job], [row]) == 1
            assert await bench.read(job) == job
            stored = await bench.store.get_execution(row.id)
            assert stored is not None
            assert stored.findings == FINDINGS
            figures = await bench.store.statistics()
            assert (figures.gated, figures.saved_usd) == (4, Decimal("1"))

    # --- sums -----------------------------------------------------------------------------------------------------

    async def test_statistics_count_runs_and_tell_slots_that_did_not_run_apart(self) -> None:
        async with self.opened() as bench:
            assert (await bench.store.statistics()).success_rate is None
            job = await bench.job()
            now = NOW + 60 * MINUTE
            [execution] = await bench.run_due(job, now)
            usage = AgentOutcome(usage=Usage(input_tokens=2, output_tokens=3), cost_usd=Decimal("0.5"))
            await bench.end(execution, Done(answer=usage), now + MINUTE)
            [execution] = await bench.run_due(await bench.read(job), now + MINUTE)
            await bench.end(execution, Failed(kind="agent", message="no", answer=AgentOutcome()), now + 4 * MINUTE)
            figures = await bench.store.statistics()
            assert (figures.total_jobs, figures.running_jobs, figures.jobs_by_status[JobStatus.WAITING]) == (1, 0, 1)
            assert (figures.total_executions, figures.success_rate) == (2, 0.5)
            assert figures.executions_by_status[_E.MISSED] == 58
            assert (figures.tokens, figures.cost_usd) == (5, Decimal("0.5"))
            assert figures.mean_duration == 2 * MINUTE
            assert figures.p95_duration is not None
            assert 3 * MINUTE <= figures.p95_duration <= 3 * MINUTE * 1.2

    async def test_a_retried_attempt_is_paid_for_and_counted_once(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(retry="attempts=2,backoff=0s")
            [execution] = await bench.run_due(job, NOW + MINUTE)
            paid = AgentOutcome(usage=Usage(input_tokens=10))
            await bench.end(execution, Errored(kind="network", message="x", retryable=True, answer=paid), NOW + MINUTE)
            [again] = await bench.store.claim("me", NOW + MINUTE, 1, begin=True)
            await bench.end(again, Done(answer=AgentOutcome(usage=Usage(input_tokens=4))), NOW + MINUTE)
            figures = await bench.store.statistics()
            assert (figures.total_executions, figures.tokens) == (1, 14)
            assert (await bench.read(job)).totals.tokens == 14

    async def test_history_beyond_its_age_is_pruned_and_still_counted(self) -> None:
        async with self.opened() as bench:
            job = await bench.history(8)
            before = await bench.read(job)
            sums = await bench.store.statistics()
            await bench.prune(Retention(max_age=3 * MINUTE, keep_last=2), NOW + 8 * MINUTE)
            assert await bench.slots(job) == [5, 6, 7, 8]
            assert await bench.store.history_begins(job.id) == NOW + 5 * MINUTE
            assert await bench.store.slot_at(job.id, NOW + 4 * MINUTE) is None
            assert await bench.read(job) == before
            assert await bench.store.statistics() == sums

    async def test_rows_beyond_their_number_are_pruned_oldest_first(self) -> None:
        async with self.opened() as bench:
            job, other = await bench.history(6), await bench.history(3)
            await bench.prune(Retention(max_per_job=4, keep_last=1), NOW + 6 * MINUTE)
            assert await bench.slots(job) == [3, 4, 5, 6]
            assert await bench.slots(other) == [1, 2, 3]

    async def test_the_newest_rows_of_each_job_are_kept_whatever_the_limits_say(self) -> None:
        async with self.opened() as bench:
            job, other = await bench.history(6), await bench.history(2)
            limits = Retention(max_age=MINUTE, max_per_job=1, max_bytes=1, keep_last=3)
            await bench.prune(limits, NOW + 1000 * MINUTE)
            assert await bench.slots(job) == [4, 5, 6]
            assert await bench.slots(other) == [1, 2]

    async def test_a_store_that_is_too_large_loses_its_oldest_rows(self) -> None:
        async with self.opened() as bench:
            small, large = await bench.history(4), await bench.history(40, text=40_000)
            await bench.prune(Retention(max_bytes=500_000, keep_last=4), NOW + 40 * MINUTE)
            left = await bench.slots(large)
            assert 4 < len(left) < 25
            assert left == list(range(41 - len(left), 41))
            assert await bench.slots(small) == [1, 2, 3, 4]
            newest = (await bench.store.list_executions(ExecutionFilters(job_id=large.id), 1)).items[0]
            assert len(newest.result or "") >= 40_000

    async def test_nothing_is_pruned_within_the_limits_or_without_any(self) -> None:
        async with self.opened() as bench:
            job = await bench.history(5)
            later = NOW + timedelta(days=80)
            assert await bench.prune(Retention(keep_last=1), later) == 0
            none = Retention(max_age=None, max_per_job=None, max_bytes=None, keep_last=1)
            assert await bench.prune(none, NOW + timedelta(days=9000)) == 0
            assert await bench.slots(job) == [1, 2, 3, 4, 5]

    async def test_an_open_row_is_never_pruned(self) -> None:
        async with self.opened() as bench:
            job = await bench.job(overlap="allow_all")
            [running] = await bench.run_due(job, NOW + MINUTE)
            for minute in range(2, 6):
                [row] = await bench.run_due(await bench.read(job), NOW + minute * MINUTE)
                await bench.end(row, DONE, NOW + minute * MINUTE)
            limits = Retention(max_age=MINUTE, max_per_job=1, max_bytes=1, keep_last=1)
            await bench.prune(limits, NOW + 1000 * MINUTE)
            assert await bench.slots(job) == [1, 5]
            await bench.end(running, DONE, NOW + 1000 * MINUTE)

    async def test_a_long_history_is_pruned_in_batches(self) -> None:
        async with self.opened() as bench:
            job = await bench.history(0)
            copy = await bench.longer(job, 2500)
            first = await bench.store.prune(Retention(max_per_job=10, keep_last=1), NOW)
            assert 0 < first.rows <= 1000
            assert first.after is not None
            await bench.prune(Retention(max_per_job=10, keep_last=1), NOW)
            assert len(await bench.slots(copy)) == 10

    async def test_many_changes_at_once_come_to_what_they_come_to_one_by_one(self) -> None:
        plain = MemoryStorage()
        await plain.join(node("me"))
        alone = Bench(plain)
        async with self.opened() as bench:
            for limit in (0, 3, 50):
                together = await _live_through(bench, together=True, limit=limit)
                one_by_one = await _live_through(alone, together=False, limit=limit)
                for seen, expected in zip(together, one_by_one, strict=True):
                    assert seen == expected
                await bench.store.clear(NOW)
                await plain.clear(NOW)

    async def test_a_slot_at_the_instant_of_a_manual_run_gets_its_row_among_many(self) -> None:
        async with self.opened() as bench:
            jobs = [await bench.job(overlap="allow_all") for _ in range(3)]
            assert await bench.commit(changes.run_now(jobs[1], NOW + MINUTE, bench.new_id()))
            jobs = [await bench.read(job) for job in jobs]
            plans = [made for job in jobs if (made := plan(job, NOW + MINUTE, bench.new_id)) is not None]
            applied, _ = await bench.store.commit_and_claim(plans, "me", NOW + MINUTE, 10, caught_up=5)
            assert applied == [True, True, True]
            for job in jobs:
                row = await bench.store.slot_at(job.id, NOW + MINUTE)
                assert row is not None
                assert row.at == NOW + MINUTE

    async def test_a_later_slot_at_the_instant_of_a_manual_run_gets_its_row_alone(self) -> None:
        async with self.opened() as bench:
            # A clock that was ahead by a slot: the run was asked for at an instant that is still to come.
            job, ahead = await bench.job(), NOW + 2 * MINUTE
            assert await bench.commit(changes.run_now(job, ahead, bench.new_id()))
            [asked] = await bench.store.claim("me", ahead, 1, begin=True)
            await bench.end(asked, DONE, ahead)
            [first] = await bench.run_due(await bench.read(job), NOW + MINUTE)
            await bench.end(first, DONE, NOW + MINUTE)
            made = plan(await bench.read(job), ahead, bench.new_id)
            assert made is not None
            assert (await bench.store.commit_and_claim([made], "me", ahead, 10, caught_up=5))[0] == [True]
            row = await bench.store.slot_at(job.id, ahead)
            assert row is not None
            assert (row.at, row.manual) == (ahead, False)

    async def test_what_was_ready_before_is_claimed_before_what_a_commit_makes_ready(self) -> None:
        async with self.opened() as bench:
            waiting = await bench.job()
            assert await bench.tick(waiting, NOW + MINUTE)
            fresh = [await bench.job(priority=5) for _ in range(3)]
            plans = [made for job in fresh if (made := plan(job, NOW + MINUTE, bench.new_id)) is not None]
            _, begun = await bench.store.commit_and_claim(plans, "me", NOW + MINUTE, 2, caught_up=5)
            assert begun[0].job_id == waiting.id
            assert len(begun) == 2

    async def test_agents_of_a_provider_that_asked_to_wait_begin_with_no_commit_either(self) -> None:
        async with self.opened() as bench:
            [row] = await bench.run_due(await bench.job(), NOW + MINUTE)
            until = NOW + 10 * MINUTE
            held = Held(key="provider", until=until, agents=("background-job",), message="slow down")
            await bench.end(row, held, NOW + MINUTE)
            jobs = [await bench.job() for _ in range(3)]
            for now, begun in ((NOW + MINUTE, 0), (until, 3)):
                plans = [made for job in jobs if (made := plan(await bench.read(job), now, bench.new_id)) is not None]
                _, rows = await bench.store.commit_and_claim(plans, "me", now, 9, caught_up=0)
                assert len([one for one in rows if one.job_id in {job.id for job in jobs}]) == begun

    async def test_clear_leaves_nothing_but_tombstones(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            await bench.run_due(job, NOW + MINUTE)
            assert await bench.store.clear(NOW + MINUTE) == 1
            assert (await bench.store.list_jobs(JobFilters())).items == []
            assert await bench.store.open_executions() == []
            assert await bench.store.deleted_at(job.id) == NOW + MINUTE


FINDINGS = Findings(
    gate="file:a changed: 1 file",
    marks=(Mark("file:a", "1 file ä", NOW), Mark("url:https://example.org/", 'etag W/"x"', NOW)),
    before=(Mark("changed:out.md", "nothing there", NOW),),
    trace_id="0af7651916cd43dd8448eb211c80319c",
)
DONE = Done(answer=AgentOutcome(output="done"))


async def _live_through(bench: Bench, *, together: bool, limit: int) -> tuple[Any, ...]:
    """Two minutes of some jobs of every kind; what a store tells of them then."""
    store, answers = bench.store, []
    jobs = [
        await bench.job(**fields)
        for fields in (
            {}, {"priority": -3}, {"retry": 2, "tags": "a,b"}, {"overlap": "allow_all"}, {"overlap": "buffer_all"},
            {"max_runs": 1}, {"overlap": "cancel_other"}, {"schedule": "at 2026-03-01T12:01"}, {"priority": 7},
        )
    ]  # fmt: skip
    for minute in (1, 2):
        now = NOW + minute * MINUTE
        made = [plan(await bench.read(job), now, bench.new_id) for job in jobs]
        plans = [one for one in made if one is not None]
        # Two plans of one job, made from the same state: only the first may count.
        plans.append(plans[0])
        if together:
            applied, begun = await store.commit_and_claim(plans, "me", now, limit, caught_up=limit)
        else:
            applied = [(await store.commit([one]))[0] for one in plans]
            begun = await store.claim("me", now, limit, begin=True, caught_up=limit)
        outcomes: itertools.cycle[Any] = itertools.cycle(
            (
                Done(answer=AgentOutcome(output="fine", usage=Usage(input_tokens=3), cost_usd=Decimal("0.5"))),
                Errored(kind="network", message="gone", retryable=True),
                Done(answer=AgentOutcome()),
                Failed(kind="agent", message="no", answer=AgentOutcome()),
            )
        )
        end = now + timedelta(seconds=20)
        rows = sorted(begun, key=lambda row: row.id)
        settlements = [settle(row, next(outcomes), end, await bench.spec(row)) for row in rows]
        settlements += [settle(row.evolve(fence=9), next(outcomes), end, await bench.spec(row)) for row in rows[:2]]
        settlements += settlements[:1]
        if together:
            kept = await store.settle(settlements)
        else:
            kept = [(await store.settle([one]))[0] for one in settlements]
        answers += [applied, rows, kept]
    history = await store.list_executions(ExecutionFilters(include_skipped=True), 1000)
    return answers, (await store.list_jobs(JobFilters())).items, history.items, await store.statistics()
