"""What a scheduler that was killed leaves behind, and what the next one makes of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.policies import OnInterrupt
from agentcron.plugin import BackgroundJobsPlugin

SCHEDULER = """
import asyncio, sys
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.plugin import BackgroundJobsPlugin

async def main(store, on_interrupt, command):
    factory = AgentFactoryPlugin({"work": {"kind": "command", "command": command}}, default_definition="work")
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory)
    await plugin.create_job("night", "every 1s", "go", on_interrupt=on_interrupt, max_runs=1)
    await plugin.start_background_execution()
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
"""
MANY = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.schedule import OnceSchedule

called = 0

async def work(prompt):
    global called
    called += 1
    if called == 90:
        print("all are open", flush=True)
    await asyncio.Event().wait()

async def main(store):
    factory = AgentFactoryPlugin(
        {"work": {"kind": "python", "callable": work}}, default_definition="work", max_concurrent_agents=90
    )
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory)
    at = datetime.now(UTC) + timedelta(seconds=1)
    modes = ("record", "retry", "resume")
    await asyncio.gather(
        *(plugin.create_job(f"{n}", OnceSchedule(at), "go", on_interrupt=modes[n % 3]) for n in range(90))
    )
    await plugin.start_background_execution()
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""
# The agent says its pid and hangs.
AGENT = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"

linux = pytest.mark.skipif(sys.platform != "linux", reason="the process tree is followed on Linux only")


@contextmanager
def killed_scheduler(folder: Path, on_interrupt: str) -> Iterator[int]:
    """Run a scheduler until its agent works, kill it with SIGKILL, and give the agent's pid."""
    log = folder / "agent.log"
    command = [sys.executable, "-c", AGENT, str(log)]
    scheduler = subprocess.Popen([sys.executable, "-c", SCHEDULER, str(folder / "s.sqlite"), on_interrupt, *command])
    try:
        pid = _first_line(log)
        os.kill(scheduler.pid, signal.SIGKILL)
        scheduler.wait(10)
        yield pid
    finally:
        scheduler.kill()


def _first_line(log: Path) -> int:
    """The pid in the agent's log, once it is there."""
    import time

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if log.exists() and log.read_text().endswith("\n"):
            return int(log.read_text().splitlines()[0])
        time.sleep(0.02)
    raise AssertionError("the agent never began")


async def _until_open(plugin: BackgroundJobsPlugin, want_open: bool) -> Execution:
    async with asyncio.timeout(20):
        while True:
            [job] = await plugin.get_jobs()
            [run] = await plugin.get_executions(job.id)
            if (not run.final) is want_open and (not want_open or run.status is ExecutionStatus.RUNNING):
                return run
            await asyncio.sleep(0.02)


@linux
async def test_the_run_of_a_killed_scheduler_is_incomplete_and_its_agent_is_gone(tmp_path: Path) -> None:
    with killed_scheduler(tmp_path, "record") as pid:
        factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": _answer}}, default_definition="work")
        async with BackgroundJobsPlugin(storage_plugin=str(tmp_path / "s.sqlite"), agent_factory=factory) as plugin:
            run = await _until_open(plugin, False)
            assert (run.status, run.reason) == (ExecutionStatus.INCOMPLETE, "lost")
            assert not _alive(pid)


@linux
async def test_a_job_that_allows_it_is_tried_again_after_its_agent_is_gone(tmp_path: Path) -> None:
    with killed_scheduler(tmp_path, "retry") as pid:
        seen: list[bool] = []

        async def work(prompt: str) -> str:
            seen.append(_alive(pid))
            return "second attempt"

        factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work")
        async with BackgroundJobsPlugin(storage_plugin=str(tmp_path / "s.sqlite"), agent_factory=factory) as plugin:
            run = await _until_open(plugin, False)
            assert (run.status, run.attempt, run.result) == (ExecutionStatus.SUCCESS, 2, "second attempt")
            assert seen == [False]


async def test_of_very_many_runs_of_a_killed_scheduler_each_goes_its_own_way_and_one_line_tells(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = str(tmp_path / "s.sqlite")
    _kill_with_very_many_open(store)
    factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": _answer}}, default_definition="work")
    async with BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory) as plugin:
        async with asyncio.timeout(20):
            while (await plugin.get_statistics()).total_executions < 90:
                await asyncio.sleep(0.02)
        runs = {run.job_id: run for run in await plugin.get_executions(limit=100)}
        jobs = await plugin.get_jobs()
        found = {mode: {_told(runs[job.id]) for job in jobs if job.on_interrupt == mode} for mode in OnInterrupt}
        assert found == {
            "record": {(ExecutionStatus.INCOMPLETE, "lost", 1)},
            "retry": {(ExecutionStatus.SUCCESS, None, 2)},
            "resume": {(ExecutionStatus.SUCCESS, None, 1)},
        }
        assert {(job.open, job.running, job.runs) for job in jobs} == {(0, 0, 1)}
        assert {job.totals.success + job.totals.incomplete for job in jobs} == {1}
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert "90 open runs were settled: " in told[0]
    assert "30 INCOMPLETE (lost)" in told[0]
    assert "its scheduler was gone while it ran" in told[0]


def _kill_with_very_many_open(store: str) -> None:
    with subprocess.Popen([sys.executable, "-c", MANY, store], stdout=subprocess.PIPE, text=True) as scheduler:
        assert scheduler.stdout is not None
        assert scheduler.stdout.readline() == "all are open\n"
        scheduler.kill()


def _told(run: Execution) -> tuple[ExecutionStatus, str | None, int]:
    return run.status, run.reason, run.attempt


@linux
async def test_a_live_scheduler_takes_over_from_a_killed_one_within_an_upkeep_period(tmp_path: Path) -> None:
    factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": _answer}}, default_definition="work")
    plugin = BackgroundJobsPlugin(storage_plugin=str(tmp_path / "s.sqlite"), agent_factory=factory)
    await plugin.get_jobs()
    with killed_scheduler(tmp_path, "record"):
        async with plugin:
            run = await _until_open(plugin, False)
            assert run.status is ExecutionStatus.INCOMPLETE


async def _answer(prompt: str) -> str:
    return "unused"


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
