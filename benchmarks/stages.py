"""What each part of a run costs alone: CPU microseconds a run, the best of a dozen times on one thread.

    python -m benchmarks.stages
    python -m benchmarks.stages --instructions      the same, counted by valgrind

Jobs that run once, 500 together. It looks inside: the public surface has no seams between these parts.

Instructions are the same on every machine and beside any neighbour, so two versions are told apart by one per cent.
They know nothing of caches, of the kernel, or of the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agentcron import OnceSchedule, SqliteStorage, ids
from agentcron.domain.planner import plan
from agentcron.domain.settling import Settlement
from agentcron.engine import local
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Heard, Settler
from agentcron.observability import Log, get_logger
from agentcron.ports import SystemClock
from agentcron.redaction import Redactor
from agentcron.storage.sqlite import connection, endings, moves
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.writer import Transaction
from benchmarks.peers.ours import Agents, plugin_on

RUNS: Final = 500
TIMES: Final = 12
# Statements are read, and code is made fast, in the first batches: these are not measured.
WARM: Final = 2
# Set in a program that runs under valgrind.
COUNTED: Final = "AGENTCRON_STAGES_COUNTED"

best: dict[str, float] = {}
turns: list[int] = []


@contextmanager
def stage(name: str) -> Iterator[None]:
    if len(turns) <= WARM:
        yield
        return
    if COUNTED in os.environ:
        with counted(name):
            yield
        return
    before = time.thread_time()
    yield
    found = (time.thread_time() - before) / RUNS * 1e6
    best[name] = min(best.get(name, found), found)


@contextmanager
def counted(name: str) -> Iterator[None]:
    """Have valgrind count what is done meanwhile."""
    tell_valgrind("--instr=on")
    yield
    tell_valgrind("--instr=off")
    tell_valgrind(f"--dump={name.replace(' ', '_')}")


def tell_valgrind(what: str) -> None:
    subprocess.run(["callgrind_control", what, str(os.getpid())], check=True, stdout=subprocess.DEVNULL)


def count() -> None:
    """Run this program under valgrind and print what it counted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                "valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/%p",
                sys.executable, "-m", "benchmarks.stages",
            ],
            check=True, env=os.environ | {COUNTED: "yes"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        together = 0.0
        for path in sorted(Path(folder).iterdir(), key=lambda path: (len(path.name), path.name)):
            told = path.read_text("utf-8", "replace")
            name = re.search(r"^desc: Trigger: dump (\S+)", told, re.MULTILINE)
            found = re.search(r"^totals: (\d+)", told, re.MULTILINE)
            if name is not None and found is not None:
                thousands = int(found[1]) / RUNS / 1000
                together += thousands
                print(f"{thousands:6.1f} thousand instructions  {name[1].replace('_', ' ')}")
        print(f"{together:6.1f} thousand instructions  together")


class Kept(Settler):
    """Keeps what runs came to, and writes nothing."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.settlements: list[Settlement] = []

    def add(self, settlement: Settlement, name: str, heard: Heard) -> None:
        self.settlements.append(settlement)
        heard(None)


async def filled(path: Path, due: datetime, jobs: int) -> None:
    plugin = plugin_on(path, Agents(0).work)
    await asyncio.gather(*(plugin.create_job(f"job {n}", OnceSchedule(due), "go") for n in range(jobs)))
    await plugin.close()


async def batch(store: SqliteStorage, writing: sqlite3.Connection, now: datetime) -> None:
    clock, log = SystemClock(), Log(get_logger(), "stages")
    await store.due(now, RUNS)  # specs are read once
    with stage("read what is due"):
        due = await store.due(now, RUNS)
    with stage("plan"):
        new_id = ids.execution_ids(now)
        plans = [made for job in due.jobs if (made := plan(job, now, new_id))]
    start = moves.Start(owner="stages", now=now)
    with stage("plans as values"):
        values = moves.Moves(plans, start, store._numbers)
    writing.execute("BEGIN IMMEDIATE")
    with stage("SQL of the commit"):
        _, begun = moves.commit(Transaction(writing), values, RUNS)
    writing.execute("COMMIT")
    store._numbers.begun(values.begun)
    with stage("rows that begin"):
        rows = [start.running(plans[number]) for number in begun]
    factory = plugin_on(store.path.with_name("unused.sqlite"), Agents(0).work, RUNS).agent_factory
    settler = Kept(store, clock, log)
    engine = local.LocalEngine(
        store, Runner(store, factory, clock, Redactor({}), log), settler, clock, "stages", RUNS, log
    )
    engine._claimed.extend(rows)
    with stage("run"):
        await engine._begin_claimed({made.job_id: made.job_after for made in plans if made.job_after is not None})
        while len(settler.settlements) < RUNS:
            await asyncio.sleep(0)
    with stage("outcomes as values"):
        ended = endings.Endings(settler.settlements, store._numbers)
    writing.execute("BEGIN IMMEDIATE")
    tx = Transaction(writing)
    with stage("SQL of the settlement"):
        kept = endings.settle(tx, ended)
        for name, sums in tx.tally.writes("stages"):
            writing.executemany(statement(name), sums)
    writing.execute("COMMIT")
    assert kept == [True] * RUNS


async def main() -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    local.FRESH_CLAIM = timedelta(days=1)  # type: ignore[misc]
    times = WARM + 1 if COUNTED in os.environ else WARM + TIMES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.sqlite"
        await filled(path, due, times * RUNS)
        store = SqliteStorage(path)
        await store.open()
        gc.collect()
        gc.disable()
        with contextlib.closing(connection.connect(path, write=True)) as writing:
            for turn in range(times):
                turns.append(turn)
                await batch(store, writing, due + timedelta(milliseconds=2))
        await store.close()
    for name, cost in best.items():
        print(f"{cost:6.1f} us  {name}")
    print(f"{sum(best.values()):6.1f} us  together")


if __name__ == "__main__":
    if "--instructions" in sys.argv[1:]:
        count()
    else:
        asyncio.run(main())
