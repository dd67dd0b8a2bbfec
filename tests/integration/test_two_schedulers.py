"""Two schedulers on one store: SQLite shares the work, a JSON folder has one writer and says which."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.queries import Node
from agentcron.ports import JobStore
from tests.agents.helpers import until
from tests.kill.harness import drained, lines_of, started
from tests.kill.life import Life, open_store

# So many of its agents begin before a scheduler is believed to take part.
SOME = 5
Start = Callable[[str], Any]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts schedulers with jobs each second, each a process of its own."""
    processes: list[Any] = []

    def start(kind: str) -> Any:
        processes.append(started(Life(kind, tmp_path, len(processes), writes=False)))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.join()


def starts_of(folder: Path) -> Counter[int]:
    """How many agents began in each process."""
    return Counter(line["pid"] for line in lines_of(folder / "agents.log"))


async def test_on_sqlite_two_share_the_slots_and_one_takes_over_from_the_other(tmp_path: Path, start: Start) -> None:
    first = start("sqlite")
    await until(lambda: starts_of(tmp_path)[first.pid], "the first one runs jobs")
    second = start("sqlite")
    await until(lambda: min(starts_of(tmp_path)[one.pid] for one in (first, second)) >= SOME, "both run jobs", 60)
    store = open_store("sqlite", tmp_path)
    await store.open()
    nodes = {node.pid: node for node in await store.nodes()}
    assert nodes[first.pid].alive
    assert nodes[second.pid].alive
    lost = await _killed_while_it_works(store, first, nodes[first.pid])
    so_far = starts_of(tmp_path)[second.pid]
    async with asyncio.timeout(60):
        while {row.id for row in await store.open_executions() if row.owner == nodes[first.pid].id}:
            await asyncio.sleep(0.02)
    for key in lost:
        row = await store.get_execution(key)
        assert row is not None
        again = row.attempt == 2
        assert again or (row.status, row.reason) == (ExecutionStatus.INCOMPLETE, "lost") or row.cancel_requested
    await until(lambda: starts_of(tmp_path)[second.pid] >= so_far + SOME, "the other one goes on alone")
    assert [node.alive for node in await store.nodes()].count(True) == 1
    await store.close()
    second.kill()
    second.join()
    verdict = await asyncio.to_thread(drained, Life("sqlite", tmp_path, 9, last=True))
    assert verdict.problems == []
    assert verdict.looked_at["starts"] >= 3 * SOME


async def _killed_while_it_works(store: JobStore, process: Any, node: Node) -> set[str]:
    """Kill it at a moment when agents work for it; the ids of their executions."""
    async with asyncio.timeout(60):
        while True:
            # Stopped while it is looked at: what is open then stays open.
            os.kill(process.pid, signal.SIGSTOP)
            rows = {row.id for row in await store.open_executions() if row.owner == node.id}
            if rows:
                break
            os.kill(process.pid, signal.SIGCONT)
            await asyncio.sleep(0.01)
    process.kill()
    process.join()
    return rows


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the folder; what it answered."""
    argv = [sys.executable, "-m", "agentcron", arguments[0], "--store", f"fs:{folder}", *arguments[1:]]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=folder)


async def test_a_folder_has_one_writer_until_that_one_is_gone(tmp_path: Path, start: Start) -> None:
    first = start("json")
    await until(lambda: starts_of(tmp_path)[first.pid] >= SOME, "the first one runs jobs")
    for refused in (command(tmp_path, "start", "--for", "5s"), command(tmp_path, "pause", "skip")):
        assert refused.returncode == 4, refused.stderr
        [told] = refused.stderr.strip().splitlines()
        assert f"process {first.pid} writes this folder" in told
    second = start("json")
    second.join(30)
    assert second.exitcode == 1
    listed = command(tmp_path, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "skip" in {job["name"] for job in json.loads(listed.stdout)}
    shown = command(tmp_path, "runs", "skip", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)
    before = starts_of(tmp_path)[first.pid]
    await until(lambda: starts_of(tmp_path)[first.pid] >= before + SOME, "the first one was not disturbed")
    first.kill()
    first.join()
    for change in ("pause", "resume"):
        made = command(tmp_path, change, "skip")
        assert made.returncode == 0, made.stderr
    verdict = await asyncio.to_thread(drained, Life("json", tmp_path, 9, last=True))
    assert verdict.problems == []
