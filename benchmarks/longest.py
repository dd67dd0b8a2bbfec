"""`agentcron` as it is, with a watch on its event loop: which callbacks held it the longest, told on stderr at the end.

python -m benchmarks.longest serve --port 8642
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from asyncio import events
from typing import Any, Final

from agentcron.cli import main

MOST: Final = 25
LONGEST: Final = "what held the event loop:"

held: dict[str, list[float]] = {}
begun: dict[str, float] = {}


def watch() -> None:
    """Time every callback of every event loop of this process."""
    handles: Any = events.Handle
    run = handles._run

    def timed(handle: Any) -> None:
        before = time.perf_counter()
        run(handle)
        held.setdefault(named(handle._callback), []).append(time.perf_counter() - before)

    handles._run = timed
    gc.callbacks.append(collected)


def collected(phase: str, told: dict[str, int]) -> None:
    """Time each look of Python's collector, which nothing else goes on beside."""
    name = f"collector, generation {told['generation']}"
    if phase == "start":
        begun[name] = time.perf_counter()
    elif name in begun:
        held.setdefault(name, []).append(time.perf_counter() - begun.pop(name))


def named(callback: Any) -> str:
    """The task that takes a step, or the function that is called."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        coroutine = owner.get_coro()
        return f"task {getattr(coroutine, '__qualname__', coroutine)}"
    return str(getattr(callback, "__qualname__", callback))


def told() -> str:
    lines = [LONGEST, f"{'longest ms':>11}{'calls':>9}{'all s':>9}  callback"]
    for name, seconds in sorted(held.items(), key=lambda pair: -max(pair[1]))[:MOST]:
        lines.append(f"{max(seconds) * 1e3:>11.1f}{len(seconds):>9}{sum(seconds):>9.2f}  {name}")
    return "\n".join(lines)


if __name__ == "__main__":
    watch()
    try:
        main()
    finally:
        print(told(), file=sys.stderr)
