"""An application that uses DBOS itself keeps its instance when our engine comes and goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dbos import DBOS

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, ExecutionStatus, SqliteStorage


@DBOS.workflow(name="host.greet")
async def greet(name: str) -> str:
    return f"hello {name}"


async def test_an_instance_of_the_application_is_used_and_left_running(tmp_path: Path) -> None:
    async def work(prompt: str) -> str:
        return prompt.upper()

    DBOS(
        config={"name": "the-host", "system_database_url": f"sqlite:///{tmp_path / 'host.sqlite'}", "executor_id": "h"}
    )
    DBOS.launch()
    try:
        plugin = BackgroundJobsPlugin(
            storage_plugin=SqliteStorage(tmp_path / "jobs.sqlite"),
            agent_factory=AgentFactoryPlugin(definitions={"work": {"kind": "python", "callable": work}}),
            engine="dbos",
        )
        await plugin.start_background_execution()
        job = await plugin.create_job("job", "0 0 1 1 *", "do it", agent="work")
        run = await plugin.wait_for_execution(await plugin.run_job_now(job))
        assert (run.status, run.result) == (ExecutionStatus.SUCCESS, "DO IT")
        [seen] = await asyncio.to_thread(lambda: DBOS.list_workflows(workflow_id_prefix=run.id))
        assert (seen.status, seen.executor_id) == ("SUCCESS", "h")
        await plugin.close()
        assert not (tmp_path / "jobs.sqlite-dbos").exists()
        assert await greet("you") == "hello you"
    finally:
        # Its threads became the loop's with the first call; what follows here needs none.
        DBOS.destroy()
