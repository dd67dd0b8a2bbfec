"""Job management: list, filter, find, pause, resume, cancel, delete."""

import asyncio

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, JobFilters, JobStatus, MemoryStorage


async def main() -> None:
    background_jobs = BackgroundJobsPlugin(
        storage_plugin=MemoryStorage(), agent_factory=AgentFactoryPlugin(default_definition="echo")
    )
    job_id = await background_jobs.create_job("Daily report", "0 9 * * *", "Write the report")
    await background_jobs.create_job("Backup", "0 2 * * *", "Back up")

    all_jobs = await background_jobs.get_jobs()
    print("All:", [job.name for job in all_jobs])

    running_jobs = await background_jobs.get_jobs(JobFilters(status=[JobStatus.RUNNING, JobStatus.WAITING]))
    print("Running or waiting:", [job.name for job in running_jobs])

    report_jobs = await background_jobs.get_jobs(JobFilters(name_contains="report"))
    print("Reports:", [job.name for job in report_jobs])

    job = await background_jobs.get_job(job_id)
    assert job is not None
    print("One:", job.name, job.cron_expression, job.status)

    # Each answers True, or False where the job is unknown or its state forbids the change; the log says which.
    for change in (
        background_jobs.pause_job,
        background_jobs.resume_job,
        background_jobs.cancel_job,
        background_jobs.pause_job,
        background_jobs.delete_job,
    ):
        print(change.__name__, await change(job_id))
    await background_jobs.close()


asyncio.run(main())
