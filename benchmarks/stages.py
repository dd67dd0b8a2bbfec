"""What each part of a run costs alone: CPU microseconds a run, the best of a dozen times on one thread.

    python -m benchmarks.stages

Jobs that run once, 500 together. It looks inside: the public surface has no seams between these parts.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
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
from agentcron.storage.tally import Tally
from benchmarks.peers.ours import Agents, plugin_on

RUNS: Final = 500
TIMES: Final = 12

best: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    before = time.thread_time()
    yield
    found = (time.thread_time() - before) / RUNS * 1e6
    best[name] = min(best.get(name, found), found)


class Kept(Settler):
    """Keeps what runs came to, and writes nothing."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.settlements: list[Settlement] = []

    def add(self, settlement: Settlement, name: str, heard: Heard) -> None:
        self.settlements.append(settlement)
        heard(None)


async def filled(path: Path, due: datetime) -> None:
    plugin = plugin_on(path, Agents(0).work)
    await asyncio.gather(*(plugin.create_job(f"job {n}", OnceSchedule(due), "go") for n in range(4 * RUNS)))
    await plugin.close()


async def once(path: Path, now: datetime) -> None:
    store, clock, log = SqliteStorage(path), SystemClock(), Log(get_logger(), "stages")
    await store.open()
    writing = connection.connect(path, write=True)
    await store.due(now, RUNS)  # specs are read once
    with stage("read what is due"):
        due = await store.due(now, RUNS)
    with stage("plan"):
        plans = [made for job in due.jobs if (made := plan(job, now, lambda: ids.execution_id(clock.now())))]
    start = moves.Start(owner="stages", now=now)
    with stage("plans as values"):
        values = moves.Moves(plans, start, store._numbers)
    writing.execute("BEGIN IMMEDIATE")
    with stage("SQL of the commit"):
        _, begun = moves.commit(Transaction(writing, Tally()), values, RUNS)
    writing.execute("COMMIT")
    store._numbers.begun(values.begun)
    with stage("rows that begin"):
        rows = [start.running(plans[number]) for number in begun]
    factory = plugin_on(path.with_name("unused.sqlite"), Agents(0).work, RUNS).agent_factory
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
    tx = Transaction(writing, Tally())
    with stage("SQL of the settlement"):
        kept = endings.settle(tx, ended)
        for name, sums in tx.tally.writes("stages"):
            writing.executemany(statement(name), sums)
    writing.execute("COMMIT")
    assert kept == [True] * RUNS
    writing.close()
    await store.close()


def main() -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    local.FRESH_CLAIM = timedelta(days=1)  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        full, copy = Path(folder) / "full.sqlite", Path(folder) / "copy" / "s.sqlite"
        asyncio.run(filled(full, due))
        gc.collect()
        gc.disable()
        for _ in range(TIMES):
            shutil.rmtree(copy.parent, ignore_errors=True)
            copy.parent.mkdir()
            shutil.copy(full, copy)
            asyncio.run(once(copy, due + timedelta(milliseconds=2)))
    for name, cost in best.items():
        print(f"{cost:6.1f} us  {name}")
    print(f"{sum(best.values()):6.1f} us  together")


if __name__ == "__main__":
    main()
