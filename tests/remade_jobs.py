"""What a process shows, runs and writes of a job that another one deleted and made again: one suite for each store
that several processes share. An id that was made from a key, or that was kept in a copy, comes back at version 1."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agentcron import BackgroundJobsPlugin, ExecutionFilters, JobFilters
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import JobOrder
from agentcron.ports import JobStore
from agentcron.testing import FakeAgentFactory, FakeClock

OLD, NEW = "the old prompt", "the new prompt"
HOURLY, YEARLY = "0 * * * *", "0 0 1 1 *"


class RemadeJobs:
    """``mine`` has read, run or made the job before; ``other`` is another process."""

    @pytest.fixture
    def store(self) -> Callable[[], JobStore]:
        """Makes stores on the same data."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    async def _processes(self, store: Callable[[], JobStore]) -> AsyncIterator[None]:
        self.clock = FakeClock()
        self.mine, self.other = self.process(store()), self.process(store())
        yield
        await self.mine.close()
        await self.other.close()

    def process(self, store: JobStore) -> BackgroundJobsPlugin:
        return BackgroundJobsPlugin(storage_plugin=store, agent_factory=FakeAgentFactory(), clock=self.clock)

    async def make(self, by: BackgroundJobsPlugin, prompt: str = OLD, schedule: str = HOURLY) -> str:
        return await by.create_job("job", schedule, prompt, key="k")

    async def make_again(self, job_id: str) -> None:
        """At the very instant at which it was made before, too: nothing but its row tells one from the other."""
        assert await self.other.delete_job(job_id)
        assert await self.make(self.other, NEW, YEARLY) == job_id

    async def restore(self, job_id: str) -> None:
        """As a copy whose prompt somebody wrote anew: all else is as it was."""
        copy = await self.other.get_job(job_id)
        assert copy is not None
        assert await self.other.delete_job(job_id)
        spec = replace(copy.spec, prompt=NEW)
        assert await self.other.storage.restore([copy.evolve(spec=spec)], []) == 1

    async def known(self, job_id: str) -> Job:
        job = await self.mine.get_job(job_id)
        assert job is not None
        return job

    def prompts(self) -> list[str]:
        factory = self.mine.agent_factory
        assert isinstance(factory, FakeAgentFactory)
        return factory.prompts

    async def run(self, job_id: str) -> Execution:
        """Asked for there, run here."""
        return await self.mine.run_here(await self.other.run_job_now(job_id))

    @pytest.mark.parametrize("made_here", [True, False])
    async def test_it_is_shown_as_it_was_made_again(self, made_here: bool) -> None:
        job_id = await self.make(self.mine if made_here else self.other)
        assert (await self.known(job_id)).prompt == OLD
        await self.make_again(job_id)
        assert (await self.known(job_id)).prompt == NEW
        assert [job.prompt for job in await self.mine.get_jobs()] == [NEW]
        assert [job.prompt for job in (await self.mine.storage.list_jobs(JobFilters())).items] == [NEW]
        assert [job.prompt for job in (await self.mine.jobs_of([job_id])).values()] == [NEW]
        assert (await self.mine.find_job("job")).prompt == NEW
        selected = await self.mine.storage.select_jobs(JobFilters(), JobOrder.NEXT, 10)
        assert [job.prompt for job in selected.jobs] == [NEW]

    async def test_it_is_shown_as_it_was_made_again_where_the_first_one_was_made_and_never_read(self) -> None:
        job_id = await self.make(self.mine)
        await self.make_again(job_id)
        assert (await self.known(job_id)).prompt == NEW

    async def test_an_edit_made_here_is_not_taken_for_one_of_the_job_made_again(self) -> None:
        job_id = await self.make(self.mine)
        assert await self.mine.update_job(job_id, prompt="an edit of the old one")
        await self.make_again(job_id)
        assert await self.other.update_job(job_id, name="renamed")
        job = await self.known(job_id)
        assert (job.version, job.name, job.prompt) == (2, "renamed", NEW)

    async def test_a_manual_run_has_its_new_prompt(self) -> None:
        job_id = await self.make(self.other)
        await self.run(job_id)
        await self.make_again(job_id)
        run = await self.run(job_id)
        assert self.prompts() == [OLD, NEW]
        assert run.prompt == NEW

    async def test_a_manual_run_has_its_new_prompt_where_the_first_one_was_made_and_never_read(self) -> None:
        job_id = await self.make(self.mine)
        await self.make_again(job_id)
        await self.run(job_id)
        assert self.prompts() == [NEW]

    async def test_a_due_run_has_its_new_prompt(self) -> None:
        job_id = await self.make(self.other)
        await self.clock.advance(timedelta(hours=1))
        await self.mine.force_evaluation()
        assert await self.other.delete_job(job_id)
        await self.make(self.other, NEW)
        await self.clock.advance(timedelta(hours=1))
        await self.mine.force_evaluation()
        assert self.prompts() == [OLD, NEW]

    async def test_the_history_shows_its_new_prompt(self) -> None:
        job_id = await self.make(self.mine)
        await self.run(job_id)
        await self.make_again(job_id)
        run = await self.other.run_here(await self.other.run_job_now(job_id))
        shown = await self.mine.get_execution(run.id)
        assert shown is not None
        assert shown.prompt == NEW
        page = await self.mine.list_executions(ExecutionFilters(job_id=job_id))
        assert [row.prompt for row in page.items] == [NEW]

    async def test_whoever_has_seen_a_run_of_it_is_told_what_it_runs_by(self) -> None:
        job_id = await self.make(self.mine)
        await self.run(job_id)
        await self.make_again(job_id)
        await self.other.run_job_now(job_id)
        [row] = await self.mine.storage.open_executions(job_id)
        spec = await self.mine.storage.get_spec(row.job_id, row.version)
        assert spec is not None
        assert spec.prompt == NEW

    async def test_an_edit_of_its_name_keeps_its_new_prompt_and_schedule(self) -> None:
        job_id = await self.make(self.other)
        await self.known(job_id)
        await self.make_again(job_id)
        assert await self.mine.update_job(job_id, name="renamed")
        for process in (self.mine, self.other):
            job = await process.get_job(job_id)
            assert job is not None
            assert (job.name, job.prompt, job.cron_expression) == ("renamed", NEW, YEARLY)

    @pytest.mark.parametrize("made_here", [True, False])
    @pytest.mark.parametrize("read_here", [True, False])
    async def test_one_that_was_restored_runs_as_it_was_restored(self, made_here: bool, read_here: bool) -> None:
        job_id = await self.make(self.mine if made_here else self.other)
        if read_here:
            await self.known(job_id)
        await self.restore(job_id)
        assert (await self.known(job_id)).prompt == NEW
        await self.run(job_id)
        assert self.prompts() == [NEW]

    async def test_one_that_came_back_here_is_what_was_made_here(self) -> None:
        job_id = await self.make(self.other)
        await self.known(job_id)
        assert await self.other.delete_job(job_id)
        assert await self.make(self.mine, NEW, YEARLY) == job_id
        assert (await self.known(job_id)).prompt == NEW
        await self.run(job_id)
        assert self.prompts() == [NEW]
