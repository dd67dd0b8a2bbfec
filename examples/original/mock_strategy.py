"""Mock strategy: a plugin without real dependencies."""

import asyncio
from datetime import timedelta

from agentcron import AgentError, BackgroundJobsPlugin, StoreUnavailable
from agentcron.testing import Delay, FakeClock, create_mock_agent_factory, create_mock_storage_plugin


async def main() -> None:
    clock = FakeClock()
    mock_storage = create_mock_storage_plugin()
    mock_agent_factory = create_mock_agent_factory(
        "the first answer",
        AgentError("no such model", kind="provider"),
        Delay(clock, timedelta(seconds=30), "a slow answer"),
        answer="every further answer",
    )
    plugin = BackgroundJobsPlugin(storage_plugin=mock_storage, agent_factory=mock_agent_factory, clock=clock)
    job_id = await plugin.create_job("Job", "* * * * *", "Do it")
    await plugin.start_background_execution()
    await clock.advance(timedelta(minutes=5))
    for run in reversed(await plugin.get_executions(job_id)):
        print(run.scheduled_for, run.status, run.result or run.error, run.duration)

    mock_storage.failure = StoreUnavailable("the disk is full")
    try:
        await plugin.pause_job(job_id)
    except StoreUnavailable as error:
        print("refused:", error)
    mock_storage.failure = None
    await plugin.close()


asyncio.run(main())
