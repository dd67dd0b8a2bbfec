"""A scheduler in a process of its own, to be killed: one job whose model calls a tool eight times."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.plugin import BackgroundJobsPlugin


async def note(number: int) -> str:
    """Write the number down."""
    path = Path(os.environ["NOTES"])
    _add(path, f"{number}\n")
    if number == int(os.environ.get("STUCK_AT", "-1")):
        path.with_name("stuck").touch()
        await asyncio.sleep(600)
    return f"noted {number}"


def _add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def main(store: str, base_url: str, safe: bool) -> None:
    definition = {
        "kind": "pydantic-ai",
        "model": "fake",
        "base_url": base_url,
        "tools": [{"call": "tests.integration.resuming_scheduler:note", "safe_to_repeat": safe}],
    }
    factory = AgentFactoryPlugin(
        {"it": definition}, default_definition="it", allowed_tools=["tests.integration.resuming_scheduler:*"]
    )
    async with BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory) as plugin:
        await plugin.start_background_execution()
        if not await plugin.get_jobs():
            job_id = await plugin.create_job("j", "0 0 1 1 *", "Note eight numbers.", on_interrupt="resume")
            await plugin.run_job_now(job_id)
        [job] = await plugin.get_jobs()
        [run] = await plugin.get_executions(job.id)
        await plugin.wait_for_execution(run.id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "safe"))
