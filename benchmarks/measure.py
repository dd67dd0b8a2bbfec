"""What the program of a peer says: one line of JSON, measured in the same way by all. Standard library only.

    python -m benchmarks.peers.NAME WORKLOAD '{"jobs": 1000, ...}' FOLDER

Each figure stands for the whole process, its threads and the processes that it waited for. CPU is what does not move
with a shared disk; wall times are compared inside one round only.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Figures = dict[str, float]
Program = Callable[..., Any]
"""Takes ``folder`` and its sizes by keyword and answers figures, at once or as a coroutine."""

CALIBRATION_TURNS = 300_000
# How often Python's collector looks, in the programs of ours and of all peers alike: as in `agentcron start`.
COLLECTOR = (50_000, 10, 20)
# Peers and ours get the same notice before work is due.
LEAD_SECONDS = 0.2
# How often a program looks whether what it waits for is durable, once its last task was called.
POLL_SECONDS = 0.004
# What a start still has to do is over by then; idling begins.
SETTLED_SECONDS = 5


@dataclass(frozen=True)
class Used:
    """Wall and CPU seconds, to be subtracted from each other."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Used:
        mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime
        return cls(time.perf_counter(), cpu)

    def __sub__(self, other: Used) -> Used:
        return Used(self.wall - other.wall, self.cpu - other.cpu)


def calibration_seconds() -> float:
    """CPU seconds of a fixed piece of plain Python: what this core gives at this moment.

    Beside other programs that changes by 1.7 within tenths of a second.
    """
    before = time.process_time()
    seen: dict[int, int] = {}
    for turn in range(CALIBRATION_TURNS):
        seen[turn & 1023] = seen.get(turn & 511, 0) + (turn * 7 & 15)
    return time.process_time() - before


def resident_bytes() -> int:
    """What of this process is in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def disk_bytes(folder: Path) -> int:
    """What the files of a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def on_a_second(seconds: float) -> datetime:
    """The first full second that is at least so many seconds away: the finest instant that a cron schedule names."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(microsecond=0)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def burst_figures(due: float, starts: Sequence[float], drained: float, used: Used) -> Figures:
    """What became of jobs due at once. ``due``, ``starts`` and ``drained`` are seconds since the epoch."""
    late = [start - due for start in starts]
    return {
        "runs": len(starts),
        "drain_s": drained - due,
        "late_p50_s": statistics.median(late),
        "late_p99_s": percentile(late, 0.99),
        "cpu_us": used.cpu / len(starts) * 1e6,
    }


def answer(**programs: Program) -> None:
    """Run the workload that the command line names and print its figures."""
    workload, sizes, folder = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    gc.set_threshold(*COLLECTOR)
    before = calibration_seconds()
    told = programs[workload](folder=folder, **sizes)
    figures: Figures = asyncio.run(told) if inspect.iscoroutine(told) else told
    # A program whose CPU is compared with it has measured it closer to its work.
    figures.setdefault("calibration_s", min(before, calibration_seconds()))
    figures["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


def first_run(module: str, store: Path) -> Figures:
    """What a fresh process tells that ends with its first run."""
    environment = {**os.environ, "BENCH_BEGAN": repr(time.time())}
    done = subprocess.run(
        [sys.executable, "-m", module, str(store)], capture_output=True, text=True, check=True, env=environment
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def made_in_time(due: float) -> None:
    """Raise ``RuntimeError`` where the jobs of a burst were made after they were due: it would look late for that."""
    if time.time() > due - LEAD_SECONDS:
        raise RuntimeError("the jobs were not made before they were due; the disk is too slow at this moment")


def until(instant: float) -> float:
    """Seconds from now to an instant since the epoch, never below zero."""
    return max(0.0, instant - time.time())
