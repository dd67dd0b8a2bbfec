"""What a page that shows many jobs and runs asks of a store, in a few short reads."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import AgentOutcome, Done, Failed
from agentcron.domain.queries import DateRange, ExecutionFilters, JobFilters, JobOrder
from agentcron.domain.spec_fields import read_spec
from agentcron.ids import execution_id
from agentcron.testing.store_bench import MINUTE, NOW, Benched

_E = ExecutionStatus


class GlanceContract(Benched):
    """The part of the contract that is about many jobs and runs at a glance."""

    async def test_the_newest_runs_of_many_jobs_come_in_one_read(self) -> None:
        async with self.opened() as bench:
            first, second, idle = await bench.history(3), await bench.history(2), await bench.job()
            runs = await bench.store.latest_runs([second.id, first.id, idle.id, "nobody"], 2)
            for job, minutes in ((first, [3, 2]), (second, [2, 1])):
                assert [(run.at - NOW) // MINUTE for run in runs if run.job_id == job.id] == minutes
            assert len(runs) == 4
            assert {(run.status, run.prompt, run.result) for run in runs} == {(_E.SUCCESS, None, None)}

    async def test_what_ran_in_a_stretch_of_time_is_found_and_counted(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            copy = job.evolve(id="c" * 16)
            day = timedelta(days=1)

            def row(start: datetime, took: timedelta, status: ExecutionStatus, **values: Any) -> Execution:
                known = {"version": 1, "status": status, "attempt": 1, "begun": True, "agent": "echo", **values}
                return Execution(
                    id=execution_id(start), job_id=copy.id, at=start, start_time=start, end_time=start + took, **known
                )

            rows = [
                row(NOW - 3 * day, timedelta(0), _E.SUCCESS),
                row(NOW - 90 * MINUTE, 31 * MINUTE, _E.FAILURE),
                row(NOW - 60 * MINUTE, MINUTE, _E.SUCCESS),
                row(NOW - 46 * MINUTE, MINUTE, _E.MISSED, begun=False, slots=5, attempt=0),
                row(NOW - 45 * MINUTE, MINUTE, _E.SUCCESS),
                row(NOW - 30 * MINUTE, MINUTE, _E.SUCCESS),
            ]
            assert await bench.store.restore([copy], rows) == 1
            found = await bench.store.runs_between(NOW - 60 * MINUTE, NOW - 30 * MINUTE, 10)
            assert [run.at for run in found] == [rows[4].at, rows[2].at, rows[1].at]
            assert len(await bench.store.runs_between(NOW - 60 * MINUTE, NOW, 2)) == 2
            counts = await bench.store.count_since(NOW - 60 * MINUTE)
            assert dict(counts) == {_E.SUCCESS: 3, _E.FAILURE: 1, _E.MISSED: 5}
            # Whole hours are counted.
            assert await bench.store.count_since(NOW - MINUTE) == counts
            assert dict(await bench.store.count_since(NOW)) == {}
            quarters = await bench.store.quarters(copy.id, NOW - 90 * MINUTE)
            assert sorted((one.at - NOW, one.status.value, one.slots) for one in quarters) == [
                (-90 * MINUTE, "FAILURE", 1),
                (-60 * MINUTE, "MISSED", 5),
                (-60 * MINUTE, "SUCCESS", 1),
                (-45 * MINUTE, "SUCCESS", 1),
                (-30 * MINUTE, "SUCCESS", 1),
            ]

    async def test_what_runs_is_in_every_stretch_that_it_reaches(self) -> None:
        async with self.opened() as bench:
            job = await bench.job()
            [run] = await bench.run_due(job, NOW + MINUTE)
            later = NOW + timedelta(days=30)
            assert [found.id for found in await bench.store.runs_between(later, later + MINUTE, 10)] == [run.id]
            assert await bench.store.runs_between(NOW, NOW + MINUTE, 10) == []

    async def test_few_among_many_are_found_by_their_status(self) -> None:
        async with self.opened() as bench:
            job = await bench.history(3)
            [bad] = await bench.run_due(job, NOW + 4 * MINUTE)
            await bench.end(bad, Failed(kind="agent", message="no", answer=AgentOutcome()), NOW + 4 * MINUTE)
            [open_] = await bench.run_due(await bench.read(job), NOW + 5 * MINUTE)
            for statuses, wanted in (
                ([_E.FAILURE, _E.MISSED], [bad.id]),
                ([_E.RUNNING, _E.PENDING], [open_.id]),
                ([_E.RUNNING, _E.FAILURE], [open_.id, bad.id]),
                ([], []),
            ):
                page = await bench.store.list_executions(ExecutionFilters(statuses=statuses), 10)
                assert [row.id for row in page.items] == wanted

    async def test_jobs_are_looked_at_in_every_order_from_any_place(self) -> None:
        async with self.opened() as bench:
            late = await bench.job(name="beta", schedule="every 3m")
            soon = await bench.job(name="Gamma", schedule="every 1m")
            rests = await bench.job(name="alpha", schedule="every 2m")
            assert await bench.commit(changes.pause(rests, NOW, bench.new_id))
            [run] = await bench.run_due(soon, NOW + MINUTE)
            paid = Done(answer=AgentOutcome(output="fine", cost_usd=Decimal("0.5")))
            await bench.end(run, paid, NOW + MINUTE)
            for order, wanted in (
                (JobOrder.NEXT, [soon, late, rests]),
                (JobOrder.NAME, [rests, late, soon]),
                (JobOrder.LAST, [soon, late, rests]),
                (JobOrder.COST, [soon, late, rests]),
                (JobOrder.NEWEST, [rests, soon, late]),
            ):
                whole = await bench.store.select_jobs(JobFilters(), order, 10)
                assert [job.name for job in whole.jobs] == [job.name for job in wanted], order
                assert whole.jobs == [await bench.read(job) for job in wanted]
                for skip in range(5):
                    part = await bench.store.select_jobs(JobFilters(), order, 1, skip=skip)
                    assert [job.id for job in part.jobs] == [job.id for job in wanted[skip : skip + 1]], (order, skip)

    async def test_what_is_looked_at_is_filtered_and_counted_by_status(self) -> None:
        async with self.opened() as bench:
            ops = [await bench.job(name=f"Überprüfung {number}", tags=["ops", "a.b"]) for number in range(3)]
            other = await bench.job(name="weekly", schedule="0 9 * * MON", metadata={"tags": ["ops"], "nul": "\0"})
            assert await bench.commit(changes.pause(ops[0], NOW, bench.new_id))
            await bench.run_due(ops[1], NOW + MINUTE)
            running, waiting, paused = JobStatus.RUNNING, JobStatus.WAITING, JobStatus.PAUSED
            each = {running: 1, waiting: 1, paused: 1}
            every = {running: 1, waiting: 2, paused: 1}
            for filters, found, counted in (
                (JobFilters(), [1, 2, 3, 0], every),
                (JobFilters(tag="ops"), [1, 2, 0], each),
                (JobFilters(tag="op"), [], {}),
                (JobFilters(tag="\0"), [], {}),
                (JobFilters(name_contains="PRÜF"), [1, 2, 0], each),
                (JobFilters(name_contains="%"), [], {}),
                (JobFilters(name_contains="\ud800"), [], {}),
                (JobFilters(cron_pattern="0 9"), [3], {waiting: 1}),
                (JobFilters(status=[paused]), [0], every),
                (
                    JobFilters(status=[running, paused], tag="a.b"),
                    [1, 0],
                    each,
                ),
                (JobFilters(status=[]), [], every),
                (JobFilters(date_range=DateRange(end=NOW - MINUTE)), [], {}),
                (JobFilters(date_range=DateRange(start=NOW)), [1, 2, 3, 0], every),
            ):
                told = await bench.store.select_jobs(filters, JobOrder.NEXT, 10)
                jobs = [*ops, other]
                assert sorted(job.name for job in told.jobs) == sorted(jobs[number].name for number in found), filters
                assert {status: count for status, count in told.by_status.items() if count} == counted, filters
                assert set(told.by_status) == set(JobStatus)
                listed = (await bench.store.list_jobs(filters)).items
                assert [job.id for job in listed] == [jobs[number].id for number in sorted(found)], filters

    async def test_the_jobs_of_a_maker_are_told_from_those_of_others(self) -> None:
        async with self.opened() as bench:
            spec = read_spec({"name": "n", "prompt": "p", "schedule": "every 1m"})
            makers = (None, "somebody", "agent", "agent:a", "agent:a/b", "agent:A", "job:1/x", "job:1/y", "job:10/x")
            for number, made_by in enumerate(makers):
                assert await bench.commit(changes.create(spec, f"job {number}", NOW, made_by=made_by))
            for maker, found in (
                ("agent", [2]),
                ("agent:a", [3]),
                ("agent:a/b", [4]),
                ("job:1", [6, 7]),
                ("job:1/x", []),
                ("job:%", []),
                ("somebody", []),
                ("agent:\ud800", []),
            ):
                told = await bench.store.list_jobs(JobFilters(maker=maker))
                assert [job.id for job in told.items] == [f"job {number}" for number in found], maker
                selected = await bench.store.select_jobs(JobFilters(maker=maker), JobOrder.NAME, 1)
                assert [job.id for job in selected.jobs] == [f"job {number}" for number in found[:1]], maker
                assert sum(selected.by_status.values()) == len(found), maker

    async def test_jobs_are_read_by_their_ids_and_told_by_their_tags(self) -> None:
        async with self.opened() as bench:
            first = await bench.job(name="a", tags=["ops", "weekly"])
            second = await bench.job(name="b", tags=["ops", "Z"])
            await bench.job(name="c")
            found = await bench.store.jobs_of([second.id, "nobody", first.id])
            assert dict(found) == {first.id: await bench.read(first), second.id: await bench.read(second)}
            assert await bench.store.jobs_of([]) == {}
            assert await bench.store.tags(10) == ["Z", "ops", "weekly"]
            assert await bench.store.tags(2) == ["Z", "ops"]
            assert await bench.commit(
                changes.edit(first, read_spec({"tags": ["new"]}, base=first.spec), NOW, bench.new_id)
            )
            assert await bench.store.tags(10) == ["Z", "new", "ops"]
