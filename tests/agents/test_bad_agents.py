"""Agents that behave badly, through the scheduler: each is ended in time, leaves nothing, and holds no other job up."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, EverySchedule, Execution, SqliteStorage
from agentcron.agents.processes import end_tree
from tests.agents.fake_acp import FakeAcp
from tests.agents.fake_coder import FakeCoder

TIMEOUT = timedelta(seconds=1)
# What it may take to be ended, besides the timeout.
ENDED_WITHIN = timedelta(seconds=10)
# How late another job may begin meanwhile.
LATE = 1.0

_HANG = "\nimport time\nwhile True: time.sleep(1000)"
_LINE = '{"type": "assistant", "message": "' + "x" * 1000 + '"}'
BAD = {
    "hangs": _HANG,
    "ignores TERM": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + _HANG,
    "leaves a grandchild": "import subprocess; subprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM; sleep 999'])"
    + _HANG,
    "prints 100 MB": f"line = {_LINE!r}\nfor _ in range(100): print('\\n'.join([line] * 1000))" + _HANG,
    "eats memory": "x = bytearray(300_000_000)" + _HANG,
}
AGENTS = [(kind, bad) for kind in ("command", "acp") for bad in BAD] + [("claude-code", "prints 100 MB")]
TIMED_OUT = ("INCOMPLETE", "timeout")
# One that writes more than it may is ended at once, if it comes so far before its time is over.
WROTE_TOO_MUCH = ("ERROR", "output")


@contextmanager
def hiccups() -> Iterator[Callable[[], float]]:
    """How late a thread woke at most that does nothing but wait: what the machine is to blame for."""
    over, worst = threading.Event(), 0.0

    def watch() -> None:
        nonlocal worst
        while True:
            began = time.monotonic()
            if over.wait(0.02):
                return
            worst = max(worst, time.monotonic() - began - 0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: worst
    finally:
        over.set()
        thread.join()


def definition(kind: str, work: str, folder: Path) -> dict[str, object]:
    folder.mkdir()
    if kind == "command":
        return {"kind": "command", "command": [sys.executable, "-ISc", work]}
    if kind == "acp":
        agent = FakeAcp(folder)
        agent.works(work)
        return agent.definition(max_output_bytes=20_000_000)
    coder = FakeCoder(folder, kind)
    coder.prints(then=work)
    return coder.definition()


@pytest.mark.skipif(sys.platform != "linux", reason="sessions of their own are followed on Linux only")
async def test_each_ends_within_its_time_leaves_nothing_and_makes_no_other_job_late(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    names = {f"{kind} {bad}": (kind, bad) for kind, bad in AGENTS}
    definitions = {
        name: definition(kind, BAD[bad], tmp_path / name.replace(" ", "-")) for name, (kind, bad) in names.items()
    }

    async def work(prompt: str) -> str:
        return "done"

    factory = AgentFactoryPlugin(
        {**definitions, "good": {"kind": "python", "callable": work}}, max_concurrent_agents=30
    )
    storage = SqliteStorage(tmp_path / "store.sqlite")
    with hiccups() as machine:
        async with BackgroundJobsPlugin(storage_plugin=storage, agent_factory=factory) as plugin:
            bad = {
                name: await plugin.create_job(name, "0 0 1 1 *", "go on", agent=name, timeout=TIMEOUT) for name in names
            }
            second = EverySchedule(timedelta(seconds=1))
            good = [await plugin.create_job(f"good {n}", second, "work", agent="good") for n in range(3)]
            runs = {name: await plugin.run_job_now(job) for name, job in bad.items()}
            ended: dict[str, Execution] = {}
            while len(ended) < len(runs):
                for name in runs.keys() - ended.keys():
                    run = await plugin.get_execution(runs[name])
                    if run is not None and run.final:
                        ended[name] = run
                await asyncio.sleep(0.05)
            others = [run for job in good for run in await plugin.get_executions(job)]
        left = [name for name, run in ended.items() if await asyncio.to_thread(end_tree, 1, 0.0, run.id)]
    assert left == []
    for name, run in ended.items():
        ends = {TIMED_OUT, WROTE_TOO_MUCH} if names[name][1] == "prints 100 MB" else {TIMED_OUT}
        assert (name, run.status, run.reason) in {(name, *end) for end in ends}
        assert run.end_time is not None
        assert run.start_time is not None
        assert run.end_time - run.start_time <= TIMEOUT + ENDED_WITHIN
    longest = max((run.end_time - run.start_time).total_seconds() for run in ended.values())  # type: ignore[operator]
    late = max((run.start_time - run.scheduled_for).total_seconds() for run in others)  # type: ignore[operator]
    assert len(others) >= 3
    record_property(
        "figures",
        f"bad agents: {len(ended)} at once, timeout {TIMEOUT.total_seconds():g} s: the longest took {longest:.1f} s; "
        f"{len(others)} runs of other jobs, the latest by {late:.2f} s (the machine itself: {machine():.2f} s)",
    )
    assert late <= LATE + 2 * machine()


async def test_the_kernel_takes_the_agent_before_the_scheduler_where_memory_is_short(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("Linux scores its processes")
    factory = AgentFactoryPlugin({"it": {"kind": "command", "command": ["cat", "/proc/self/oom_score_adj"]}})
    async with BackgroundJobsPlugin(storage_plugin="memory:", agent_factory=factory) as plugin:
        job = await plugin.create_job("score", "0 0 1 1 *", "show", agent="it")
        run = await plugin.run_job_now(job)
        await until_final(plugin, run)
        ended = await plugin.get_execution(run)
    assert ended is not None
    assert int(ended.result or 0) > int(Path("/proc/self/oom_score_adj").read_text())


async def until_final(plugin: BackgroundJobsPlugin, run: str) -> None:
    async with asyncio.timeout(20):
        while not ((found := await plugin.get_execution(run)) and found.final):
            await asyncio.sleep(0.02)
