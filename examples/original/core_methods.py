"""Core methods: every method of the original's API reference, called once."""

import asyncio

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, JobFilters, MemoryStorage


async def main() -> None:
    plugin = BackgroundJobsPlugin(
        storage_plugin=MemoryStorage(), agent_factory=AgentFactoryPlugin(default_definition="echo")
    )
    # Start and stop
    await plugin.start_background_execution()

    # Create, read, update, delete
    job_id: str = await plugin.create_job("Job", "0 9 * * *", "Do it")
    print("get_job", await plugin.get_job(job_id) is not None, await plugin.get_job("unknown"))
    print("get_jobs", len(await plugin.get_jobs()), len(await plugin.get_jobs(JobFilters(name_contains="x"))))
    print("update_job", await plugin.update_job(job_id, {"prompt": "Do it well"}))

    # State
    print("pause_job", await plugin.pause_job(job_id))
    print("resume_job", await plugin.resume_job(job_id))
    print("cancel_job", await plugin.cancel_job(job_id))

    # Administration
    print("get_statistics", (await plugin.get_statistics()).total_jobs)
    await plugin.force_evaluation()
    print("delete_job", await plugin.delete_job(job_id))
    await plugin.clear_all_jobs()

    await plugin.stop_background_execution()
    await plugin.close()


asyncio.run(main())
