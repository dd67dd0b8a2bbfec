"""A scheduler on a JSON folder that stops, or is killed, in the middle of executions, and the next one there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.storage.json_files import StorageFsPlugin

FIXTURE = Path(__file__).parent.parent / "fixtures" / "original" / "background-jobs"
_E = ExecutionStatus
posix = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

# Jobs of the original and ours are in the folder already; "hang" never answers, every other job at once.
SCHEDULER = """
import asyncio, sys
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.storage.json_files import StorageFsPlugin

async def work(prompt):
    if prompt == "hang":
        await asyncio.Event().wait()
    print(prompt, flush=True)
    return prompt

async def main(folder):
    factory = AgentFactoryPlugin({"background-job": {"kind": "python", "callable": work}}, max_concurrent_agents=50)
    plugin = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(folder), agent_factory=factory)
    await plugin.start_background_execution()
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


def plugin_on(folder: Path, work: Callable[[str], Any]) -> BackgroundJobsPlugin:
    factory = AgentFactoryPlugin({"background-job": {"kind": "python", "callable": work}})
    return BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(folder), agent_factory=factory)


def scheduler_on(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCHEDULER, str(folder)], stdout=subprocess.PIPE, text=True)


async def answer(prompt: str) -> str:
    return prompt


async def definitions(plugin: BackgroundJobsPlugin) -> dict[str, Any]:
    """What may never be lost of a job."""
    jobs = await plugin.get_jobs()
    return {job.id: (job.spec, job.created, job.version, job.made_by, job.state is JobState.PAUSED) for job in jobs}


async def every_run(plugin: BackgroundJobsPlugin) -> list[Execution]:
    return await plugin.get_executions(limit=10_000, include_skipped=True)


async def until(plugin: BackgroundJobsPlugin, wanted: Callable[[list[Execution]], bool]) -> list[Execution]:
    async with asyncio.timeout(30):
        while not wanted(runs := await every_run(plugin)):
            await asyncio.sleep(0.02)
    return runs


def hanging(runs: list[Execution]) -> bool:
    """Whether both runs that never answer have begun."""
    return sum(run.prompt == "hang" and run.begun and run.status is _E.RUNNING for run in runs) == 2


async def filled(tmp_path: Path) -> dict[str, Any]:
    """A folder that the original wrote and we added to: answers the definitions in it."""
    shutil.copytree(FIXTURE, tmp_path / "background-jobs")
    plugin = plugin_on(tmp_path, answer)
    await plugin.create_job("asleep", "0 9 * * MON-FRI", "Wake", timezone="Asia/Tokyo", tags=["x"], metadata={"a": [1]})
    for name in ("one", "two"):
        await plugin.create_job(name, "every 1s", "hang", max_runs=1, made_by="agent:x", timeout="20m")
    await plugin.update_job("job-2", prompt="Summarise it well")
    found = await definitions(plugin)
    await plugin.close()
    assert len(found) == 6
    return found


async def test_after_an_orderly_stop_in_the_middle_no_job_is_lost_and_cut_runs_are_incomplete(tmp_path: Path) -> None:
    before = await filled(tmp_path)

    async def work(prompt: str) -> str:
        if prompt == "hang":
            await asyncio.Event().wait()
        return prompt

    plugin = plugin_on(tmp_path, work)
    await plugin.start_background_execution()
    await until(plugin, hanging)
    await plugin.stop_background_execution(grace=timedelta(0))
    await plugin.close()
    for entry in json.loads((tmp_path / "background-jobs" / "jobs.json").read_text()):
        if entry["name"] in ("one", "two"):
            assert [run["status"] for run in entry["executionHistory"]] == ["INCOMPLETE"]
    async with plugin_on(tmp_path, answer) as plugin:
        assert await definitions(plugin) == before
        cut = [run for run in await every_run(plugin) if run.prompt == "hang"]
        assert [(run.status, run.reason) for run in cut] == [(_E.INCOMPLETE, "shutdown")] * 2


@posix
async def test_after_a_kill_in_the_middle_no_job_is_lost_and_cut_runs_are_incomplete(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    scheduler = scheduler_on(tmp_path)
    reader = plugin_on(tmp_path, answer)
    try:
        await until(reader, hanging)
        os.kill(scheduler.pid, signal.SIGKILL)
    finally:
        scheduler.kill()
        scheduler.communicate()
        await reader.close()
    async with plugin_on(tmp_path, answer) as plugin:
        runs = await until(plugin, lambda runs: all(run.final for run in runs))
        assert await definitions(plugin) == before
        cut = [run for run in runs if run.prompt == "hang"]
        assert [(run.status, run.reason) for run in cut] == [(_E.INCOMPLETE, "lost")] * 2
        # The one that the original itself left open, too.
        found = await plugin.get_execution("exec-3")
        assert found is not None
        assert (found.status, found.reason) == (_E.INCOMPLETE, "lost")
    assert json.loads((tmp_path / "background-jobs" / "executions" / "job-3-exec-3.json").read_text())["status"] == (
        "incomplete"
    )


@posix
async def test_kills_at_any_moment_lose_no_job_and_run_no_slot_twice(tmp_path: Path) -> None:
    chance = random.Random(7)
    plugin = plugin_on(tmp_path, answer)
    for number in range(20):
        await plugin.create_job(f"job {number}", "* * * * * *", f"slot of {number}", overlap="allow_all")
    before = await definitions(plugin)
    await plugin.close()
    said: Counter[str] = Counter()
    for _ in range(4):
        scheduler = scheduler_on(tmp_path)
        try:
            assert scheduler.stdout is not None
            lines = [scheduler.stdout.readline() for _ in range(chance.randrange(2, 50))]
            os.kill(scheduler.pid, signal.SIGKILL)
        finally:
            scheduler.kill()
            rest, _ = scheduler.communicate()
        said.update(line for line in [*lines, *rest.splitlines(keepends=True)] if line.startswith("slot"))
        reader = StorageFsPlugin(tmp_path)
        await reader.open()
        assert reader.problems == []
        await reader.close()
    plugin = plugin_on(tmp_path, answer)
    for job_id in before:
        await plugin.pause_job(job_id)
    await plugin.start_background_execution()
    runs = await until(plugin, lambda runs: all(run.final for run in runs))
    after = await definitions(plugin)
    assert {key: job[:4] for key, job in after.items()} == {key: job[:4] for key, job in before.items()}
    slots = Counter((run.job_id, run.scheduled_for) for run in runs)
    assert max(slots.values()) == 1
    begun = Counter(run.prompt for run in runs if run.ran)
    # Each answer that was said belongs to a row that says it was begun: none was forgotten, none begun again.
    assert sum(said.values()) > 4
    for line, count in said.items():
        assert count <= begun[line.strip()]
    await plugin.close()
