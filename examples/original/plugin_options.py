"""Plugin options: one configuration object, or the same names as keyword arguments."""

import asyncio
from dataclasses import fields

from agentcron import (
    AgentFactoryPlugin,
    AgentManagerPlugin,
    BackgroundJobsConfig,
    BackgroundJobsPlugin,
    InvalidJobError,
    MemoryStorage,
)


async def main() -> None:
    config = BackgroundJobsConfig(
        storage_plugin=MemoryStorage(),  # or a URL: "sqlite:///jobs.sqlite", "memory:"
        agent_factory=AgentFactoryPlugin(default_definition="echo", max_concurrent_agents=4),
        agent_manager=AgentManagerPlugin(),
        evaluation_interval_ms=500,
        timezone="Europe/Berlin",
    )
    async with BackgroundJobsPlugin(config) as plugin:
        print([field.name for field in fields(plugin.config)])
        job_id = await plugin.create_job("Report", "0 9 * * *", "Write it")
        job = await plugin.get_job(job_id)
        assert job is not None
        print(job.schedule.describe())
    try:
        BackgroundJobsPlugin(storage_plugin="memory:", evaluation_interval_ms=0)
    except InvalidJobError as error:
        print("refused:", error)


asyncio.run(main())
