"""How processes that a scheduler left behind are found and ended by a later one."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psutil

MARK: Final = "AGENTCRON_EXECUTION_ID"
# What stands there for a program that several runs may share.
UNNAMED: Final = "unnamed"
# The kernel tells the start of a process in ticks since boot, and the moment of the boot moves by up to a
# second with every correction of the clock.
_SAME_START: Final = 2.0
_AFTER_KILL: Final = 10.0


def start_time(pid: int) -> float | None:
    """When the process began, in seconds since the epoch; None where it is gone."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def end_tree(pid: int, start_time: float, execution_id: str, grace: float = 0) -> int:
    """End what is left of an execution's processes, and wait until it is gone; answers how many were ended.

    That is the process ``pid`` with all below it, if it is the one that began at ``start_time``, and on
    Linux every process that carries the execution's id in its environment, whatever its parent or session.
    A process that has got the number ``pid`` later is never touched. With ``grace`` they get TERM and so
    many seconds first. It blocks: call it in a thread.
    """
    import psutil

    ended: set[tuple[int, float]] = set()
    asked = grace <= 0
    until = time.monotonic() + grace
    last = until + _AFTER_KILL
    while True:
        found = {(one.pid, one.create_time()): one for one in _alive(_members(pid, start_time, execution_id))}
        if not found or time.monotonic() > last:
            return len(ended - found.keys())
        ended |= found.keys()
        for one in found.values():
            # psutil compares the start time again, so that a number given anew in between is not hit.
            with contextlib.suppress(psutil.Error, OSError):
                if time.monotonic() >= until:
                    one.kill()
                elif not asked:
                    one.terminate()
        asked = True
        time.sleep(0.01)


def marked_run() -> str | None:
    """The execution whose agent started this process, as its environment says, or that of a process above it: some
    agents hand little of theirs on. None outside of runs."""
    import psutil

    for one in (psutil.Process(), *psutil.Process().parents()):
        with contextlib.suppress(psutil.Error, OSError):
            if mark := one.environ().get(MARK):
                return mark
    return None


def _members(pid: int, start: float, execution_id: str) -> Iterator[psutil.Process]:
    import psutil

    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        if abs(root.create_time() - start) <= _SAME_START and _may_be(pid, execution_id):
            below = root.children(recursive=True)
            yield root
            yield from below
    if sys.platform == "linux" and execution_id:
        mark = f"{MARK}={execution_id}".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and mark in _environ(folder):
                with contextlib.suppress(psutil.Error):
                    one = psutil.Process(int(folder.name))
                    yield one
                    yield from one.children(recursive=True)


def _may_be(pid: int, execution_id: str) -> bool:
    """Whether the environment speaks against it: another execution's id is proof, none at all is not."""
    if sys.platform != "linux":
        return True
    marks = [entry for entry in _environ(Path(f"/proc/{pid}")) if entry.startswith(f"{MARK}=".encode())]
    return not marks or f"{MARK}={execution_id}".encode() in marks


def _environ(folder: Path) -> list[bytes]:
    try:
        return (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _alive(processes: Iterator[psutil.Process]) -> Iterator[psutil.Process]:
    """Those that live, without this process and those above it."""
    import psutil

    own = psutil.Process()
    spared = {own.pid, *(one.pid for one in own.parents())}
    for one in processes:
        with contextlib.suppress(psutil.Error):
            if one.pid not in spared and one.status() != psutil.STATUS_ZOMBIE:
                yield one
