"""With the storage-fs plugin, and storage structure: the original's files, readable by and from the original."""

import asyncio
import json
import tempfile
from pathlib import Path

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, StorageFsPlugin


async def main(folder: Path) -> None:
    storage = StorageFsPlugin(folder / "data" / "background-jobs")
    plugin = BackgroundJobsPlugin(storage_plugin=storage, agent_factory=AgentFactoryPlugin(default_definition="echo"))
    async with plugin:
        job_id = await plugin.create_job("Daily report", "0 9 * * *", "Write the report")
        run = await plugin.wait_for_execution(await plugin.run_job_now(job_id))

    # The files that were made:
    # - data/background-jobs/jobs.json (job definitions)
    # - data/background-jobs/executions/ (execution logs)
    home = folder / "data" / "background-jobs"
    print("jobs.json" in {path.name for path in home.iterdir()}, "executions" in {path.name for path in home.iterdir()})
    jobs = json.loads((home / "jobs.json").read_text("utf-8"))
    [job] = jobs if isinstance(jobs, list) else jobs.values()
    print({name: job[name] for name in ("name", "cronExpression", "prompt", "status")})
    execution = json.loads((home / "executions" / f"{job_id}-{run.id}.json").read_text("utf-8"))
    print({name: execution[name] for name in ("status", "prompt", "result")})


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(Path(folder)))
