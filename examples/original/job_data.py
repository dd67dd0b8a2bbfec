"""Job data and job execution: every field of the original, with the same meaning, as frozen dataclasses."""

import asyncio
from datetime import timedelta

from agentcron import ExecutionStatus, JobStatus
from agentcron.testing import create_test_environment


async def main() -> None:
    async with create_test_environment() as env:
        job_id = await env.plugin.create_job("Tick", "* * * * *", "Say the time", metadata={"team": "ops"})
        await env.plugin.start_background_execution()
        await env.advance(60)

        job = await env.plugin.get_job(job_id)
        assert job is not None
        print("id               ", job.id)
        print("name             ", job.name)
        print("cron_expression  ", job.cron_expression)
        print("prompt           ", job.prompt)
        print("status           ", job.status, "of", [status.value for status in JobStatus])
        print("created          ", job.created)
        print("last_run         ", job.last_run)
        print("next_run         ", job.next_run)
        print("metadata         ", dict(job.metadata))
        print("execution_history", len(job.execution_history), "of at most 50; get_executions() pages through all")

        execution = job.execution_history[0]
        print("  id        ", execution.id)
        print("  agent_id  ", execution.agent_id)
        print("  start_time", execution.start_time)
        print("  end_time  ", execution.end_time)
        print("  status    ", execution.status, "of", [status.value for status in ExecutionStatus])
        print("  prompt    ", execution.prompt)
        print("  result    ", execution.result)
        print("  error     ", execution.error)
        assert execution.duration == timedelta(0)


asyncio.run(main())
