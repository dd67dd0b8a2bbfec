"""After a kill -9 of the scheduler its agents are ended before anything is written or started for their slots."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.plugin import BackgroundJobsPlugin
from tests.agents.helpers import lives, pid_in, until
from tests.integration.test_crash import SCHEDULER
from tests.kill.life import open_store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions of their own are followed on Linux only")


@pytest.mark.parametrize("supervisor", ["lives", "is killed too"])
@pytest.mark.parametrize("kind", ["sqlite", "json"])
async def test_a_grandchild_in_a_session_of_its_own_is_gone_before_its_slot_goes_on(
    kind: str, supervisor: str, tmp_path: Path
) -> None:
    child, grandchild = tmp_path / "child", tmp_path / "grandchild"
    hang = 'trap "" TERM; while :; do sleep 0.1; done'
    command = ["sh", "-c", f"setsid sh -c 'echo $$ > {grandchild}; {hang}' & echo $$ > {child}; {hang}"]
    storage = open_store(kind, tmp_path)
    scheduler = _scheduler(storage.url, command)
    try:
        await until(lambda: pid_in(child) and pid_in(grandchild), "the command and its grandchild began")
        pids = [pid_in(child), pid_in(grandchild)]
        assert os.getsid(pids[1]) == pids[1]
        victims = [psutil.Process(scheduler.pid)]
        if supervisor == "is killed too":
            # Nothing is left that cares for the grandchild: only the next scheduler can find it.
            victims.append(psutil.Process(pids[0]).parent())
        for victim in victims:
            victim.send_signal(signal.SIGSTOP)
        for victim in victims:
            victim.kill()
        scheduler.wait(10)
        if supervisor == "is killed too":
            assert lives(pids[1])

        acts: list[tuple[str, bool]] = []
        settle = storage.settle

        async def watched(settlements: list[object]) -> list[bool]:
            acts.append(("settled", any(lives(pid) for pid in pids)))
            return await settle(settlements)  # type: ignore[arg-type]

        async def work(prompt: str) -> str:
            acts.append(("began", any(lives(pid) for pid in pids)))
            return "second attempt"

        storage.settle = watched  # type: ignore[method-assign, assignment]
        factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work")
        async with BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory) as plugin:
            [job] = await plugin.get_jobs()
            async with asyncio.timeout(20):
                while not (run := (await plugin.get_executions(job.id))[0]).final:
                    await asyncio.sleep(0.02)
        assert (run.status, run.attempt, run.result) == (ExecutionStatus.SUCCESS, 2, "second attempt")
        assert acts == [("settled", False), ("began", False), ("settled", False)]
    finally:
        scheduler.kill()
        for pid in (pid_in(child), pid_in(grandchild)):
            if pid is not None and lives(pid):
                os.kill(pid, signal.SIGKILL)


def _scheduler(url: str, command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCHEDULER, url, "retry", *command])
