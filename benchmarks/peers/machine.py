"""What this machine can do at this moment, with nothing of ours: the limit beside every figure of the round."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

from benchmarks.measure import Figures, Used, answer

SECONDS = 0.4
GROUP = 100


def limits(folder: Path) -> Figures:
    """Rows a second that SQLite makes durable (WAL, FULL), one and a hundred to a commit; tasks a second."""
    connection = sqlite3.connect(folder / "limit.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, name TEXT, at INTEGER)")
    (single, commit_cpu), (grouped, _) = _rows(connection, 1), _rows(connection, GROUP)
    connection.close()
    return {
        "commits_per_s": single,
        "commit_cpu_us": commit_cpu,
        "grouped_rows_per_s": grouped,
        "tasks_per_s": asyncio.run(_tasks_per_second()),
    }


def _rows(connection: sqlite3.Connection, rows: int) -> tuple[float, float]:
    """Rows a second, and CPU microseconds of a commit."""
    done, before = 0, Used.now()
    while (used := Used.now() - before).wall < SECONDS:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO runs (name, at) VALUES (?, ?)", [("job", time.time_ns())] * rows)
        connection.execute("COMMIT")
        done += rows
    return done / used.wall, used.cpu / done * rows * 1e6


async def _tasks_per_second() -> float:
    async def nothing() -> None:
        pass

    done, before = 0, Used.now()
    while (used := Used.now() - before).wall < SECONDS:
        await asyncio.gather(*(nothing() for _ in range(1000)))
        done += 1000
    return done / used.wall


if __name__ == "__main__":
    answer(limits=limits)
