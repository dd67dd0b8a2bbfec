"""Where the CPU of a run goes: a burst under the profiler, summed by part of the house, for each of its two threads.

    python -m benchmarks.profiled [JOBS]

The profiler makes calls dearer than they are; the shares tell more than the sums.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import agentcron
from agentcron.storage.sqlite.writer import Writer
from benchmarks.environments import BENCH
from benchmarks.measure import Used
from benchmarks.peers import ours

_HOME: Final = str(Path(agentcron.__file__).parent)
_TOLD: Final = 14


class Profiles:
    """A profiler for the event loop's thread and one for the writer's, both from the due second on."""

    def __init__(self) -> None:
        self.loop = cProfile.Profile(time.thread_time)
        self.writer = cProfile.Profile(time.thread_time)
        self.on = threading.Event()
        self._write = Writer._write

    def watch(self) -> None:
        """Measure what is used between the two looks of a burst at its CPU, which are its begin and its end."""
        begun = Used.now
        Writer._write = lambda writer, *group: self._watched(writer, *group)  # type: ignore[method-assign]

        def now() -> Used:
            if self.on.is_set():
                self.loop.disable()
                self.on.clear()
            else:
                self.on.set()
                self.loop.enable()
            return begun()

        Used.now = now  # type: ignore[method-assign]

    def _watched(self, writer: Writer, *group: Any) -> Any:
        if not self.on.is_set():
            return self._write(writer, *group)
        return self.writer.runcall(self._write, writer, *group)


def _part(file: str, function: str) -> str:
    if file.startswith(_HOME):
        return "/".join(Path(file).relative_to(_HOME).with_suffix("").parts[:2])
    if "sqlite3" in function:
        return "SQLite itself"
    if "asyncio" in file or "_asyncio" in function or "_contextvars" in function or "epoll" in function:
        return "asyncio"
    return "built-in functions" if file == "~" else "standard library"


def told(profile: cProfile.Profile, runs: int) -> str:
    """Microseconds a run and shares, by part."""
    stats: Any = pstats.Stats(profile)
    parts: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in stats.stats.items():
        parts[_part(file, function)] += own
    total = sum(parts.values())
    return "\n".join(
        f"  {seconds / total:4.0%} {seconds / runs * 1e6:6.1f} us  {part}" for part, seconds in parts.most_common(_TOLD)
    )


def main() -> None:
    jobs, profiles = int(sys.argv[1]) if len(sys.argv) > 1 else 1000, Profiles()
    BENCH.mkdir(exist_ok=True)
    profiles.watch()
    with tempfile.TemporaryDirectory(dir=BENCH) as folder:
        asyncio.run(ours.burst(Path(folder), jobs=jobs))
    print(f"{jobs:,} runs\nthe event loop's thread\n{told(profiles.loop, jobs)}")
    print(f"the writer's thread\n{told(profiles.writer, jobs)}")


if __name__ == "__main__":
    main()
