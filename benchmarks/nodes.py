"""Runs due at one instant on one Postgres, by 1, 2 and 4 processes: ours with both engines beside Procrastinate.

python -m benchmarks.nodes [--count 2000] [--rounds 3]      (make bench-nodes)

All have the same server with its defaults, fsync on, ten places a process, and a no-op to run. Counted from the first
start to the last, over all processes, so that neither making the jobs nor starting the processes counts. Rounds are
interleaved; the median of each is printed and kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.environments import ROOT, python_of
from benchmarks.peers._postgres import Server, postgres

PROCESSES: Final = (1, 2, 4)
PLACES: Final = 10
_PATIENCE: Final = 180.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    contenders = {
        "agentcron, local": [sys.executable, "-m", "benchmarks.peers.ours_node", "local"],
        "agentcron, dbos": [sys.executable, "-m", "benchmarks.peers.ours_node", "dbos"],
        "agentcron, dbos with a limit": [sys.executable, "-m", "benchmarks.peers.ours_node", "limited"],
        "Procrastinate": [str(python_of("procrastinate")), "-m", "benchmarks.peers.procrastinate_node"],
    }
    rates: dict[str, dict[int, list[float]]] = {name: {count: [] for count in PROCESSES} for name in contenders}
    with tempfile.TemporaryDirectory(prefix="agentcron-bench-") as folder, postgres(Path(folder)) as server:
        for number in range(given.rounds):
            for processes in PROCESSES:
                for name, command in contenders.items():
                    place = Path(folder) / f"{number}-{processes}-{name.replace(' ', '')}"
                    place.mkdir()
                    rate = once(command, server, place, given.count, processes)
                    rates[name][processes].append(rate)
                    print(f"round {number + 1}: {name}, {processes}: {rate:.0f}/s", file=sys.stderr, flush=True)
    found = {name: {str(k): statistics.median(v) for k, v in by.items()} for name, by in rates.items()}
    print(
        f"{'no-op runs a second':32}"
        + "".join(f"{count:>4} process{'es' if count > 1 else '  '}" for count in PROCESSES)
    )
    for name, by in found.items():
        print(f"{name:32}" + "".join(f"{by[str(count)]:>14.0f}" for count in PROCESSES))
    result = {"count": given.count, "rounds": given.rounds, "places": PLACES, "rates": rates, "medians": found}
    (ROOT / "benchmarks" / "results" / "nodes.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0


def once(command: list[str], server: Server, folder: Path, count: int, processes: int) -> float:
    """No-op runs a second over all processes."""
    with database(server, folder.name) as url:
        arguments = [url, str(folder / "log"), str(folder)]
        due = time.time() + 8 + count / 500 + 4 * processes
        subprocess.run([*command, "make", *arguments, str(count), str(due)], cwd=ROOT, check=True)
        assert time.time() < due - 4 * processes, "the jobs were not made in time"
        running = [
            subprocess.Popen([*command, "work", *arguments, str(PLACES)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        try:
            for process in running:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            assert time.time() < due, "the processes were not up in time"
            starts: list[float] = []
            end = time.time() + _PATIENCE
            while len(starts) < count and time.time() < end:
                time.sleep(0.2)
                log = folder / "log"
                starts = [float(line) for line in log.read_text().split()] if log.exists() else []
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.communicate(timeout=60)
    assert len(starts) == count, f"{len(starts)} of {count}"
    return count / (max(starts) - min(starts))


@contextmanager
def database(server: Server, name: str) -> Iterator[str]:
    """A database of its own on the server."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    plain = "b" + "".join(char for char in name.lower() if char.isalnum())
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {plain}".encode())
    given = conninfo_to_dict(server.url)
    yield f"postgresql://{given['user']}@/{plain}?host={given['host']}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {plain} WITH (FORCE)".encode())


if __name__ == "__main__":
    sys.exit(main())
