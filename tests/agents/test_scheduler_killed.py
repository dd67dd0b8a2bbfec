"""What is left of a command when the scheduler itself is killed: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.helpers import lives, pid_in, until

SCHEDULER = """
import asyncio, sys
from datetime import timedelta
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.ports import RunContext

async def main():
    factory = AgentFactoryPlugin({"it": {"kind": "command", "grace": "300ms", "command": ["sh", "-c", sys.argv[1]]}})
    context = RunContext(job_id="J", job_name="n", execution_id=sys.argv[2], scheduled_for=None, attempt=1,
                         timeout=timedelta(hours=1))
    await (await factory.create("it", context)).run("p")

asyncio.run(main())
"""


def started(script: str, execution_id: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCHEDULER, script, execution_id])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("who", ["plain", "ignores TERM", "own session"])
async def test_nothing_outlives_a_scheduler_that_is_killed(tmp_path: Path, how: signal.Signals, who: str) -> None:
    if who == "own session" and sys.platform != "linux":
        pytest.skip("only Linux has subreapers")
    command, deepest = tmp_path / "command", tmp_path / "deepest"
    start = "setsid " if who == "own session" else ""
    trap = "" if who == "plain" else 'trap "" TERM; '
    script = (
        f"{start}sh -c '{trap}echo $$ > {deepest}; while :; do sleep 0.1; done' & "
        f"{trap}echo $$ > {command}; while :; do sleep 0.1; done"
    )
    scheduler = started(script, f"{tmp_path.name}-{os.getpid()}")
    try:
        await until(lambda: pid_in(command) and pid_in(deepest), "the command and its child began")
        pids = [pid_in(command), pid_in(deepest)]
        assert all(lives(pid) for pid in pids)
        scheduler.send_signal(how)
        assert scheduler.wait(20) == -how
        await until(lambda: not any(lives(pid) for pid in pids), "command and child ended")
    finally:
        scheduler.kill()
        scheduler.wait()
