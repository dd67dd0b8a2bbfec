"""Basic usage: a plugin is made, background execution is started, a job is created."""

import asyncio
import tempfile
from pathlib import Path

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, SqliteStorage, get_logger


async def write_report(prompt: str) -> str:
    """Any async function can be an agent; a model's name in place of the mapping makes a model one."""
    return f"Done: {prompt}"


async def main(folder: Path) -> None:
    storage_plugin = SqliteStorage(folder / "jobs.sqlite")
    agent_factory = AgentFactoryPlugin({"background-job": {"kind": "python", "callable": write_report}})
    logger = get_logger()  # optional: any logging.Logger

    background_jobs = BackgroundJobsPlugin(
        storage_plugin=storage_plugin,
        agent_factory=agent_factory,
        agent_manager=None,  # optional
        logger=logger,
        evaluation_interval_ms=1000,  # how soon changes by other processes are noticed; due jobs start on a timer
    )
    await background_jobs.start_background_execution()

    job_id = await background_jobs.create_job(
        "Daily Report",
        "0 9 * * *",  # every day at 9 AM, UTC unless timezone="Europe/Berlin" is added
        "Generate and save a daily status report",
    )
    print(f"Created job: {job_id}")

    run = await background_jobs.wait_for_execution(await background_jobs.run_job_now(job_id))
    print(f"A run besides its schedule: {run.status} {run.result}")
    await background_jobs.close()


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(Path(folder)))
