"""What is wrong with a folder of JSON files, found without making it and without becoming its writer."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from agentcron.cli.doctor import ENOUGH_SPACE, Finding
from agentcron.ports import JobStore, SystemClock
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.json_files.files import Folder

_SLACK: Final = timedelta(minutes=5)
_NAMED: Final = 3


def folder_findings(folder: Folder) -> Iterator[Finding]:
    """What the files of a folder that is there tell from outside; no store is opened."""
    yield from _access(folder)
    yield _writer(folder)
    yield from _modes(folder)
    free = shutil.disk_usage(folder.path).free
    told = f"{free >> 20} MiB free"
    if free < ENOUGH_SPACE:
        yield Finding(check="disk", verdict="warn", detail=told, fix=f"free some space in {folder.path}")
    else:
        yield Finding(check="disk", verdict="ok", detail=told)


def damage_findings(store: JobStore) -> Iterator[Finding]:
    """What was set aside or passed over when the folder was read, where the store is one; it is open."""
    if not isinstance(store, StorageFsPlugin):
        return
    damage = store.damage
    if not damage:
        yield Finding(check="integrity", verdict="ok", detail="every job, execution and log line can be read")
    for problem in damage:
        fix = "mend the copy and put it back while nothing writes; the rest goes on"
        yield Finding(check="integrity", verdict="fail", detail=problem, fix=fix)
    for problem in [problem for problem in store.problems if problem not in damage]:
        yield Finding(check="files", verdict="warn", detail=problem, fix="see the message")
    folder = store.folder
    corrupt = folder.corrupt.iterdir() if folder.corrupt.is_dir() else ()
    aside = [*corrupt, *folder.path.glob("*.corrupt-*"), *folder.path.glob("*.edited-*")]
    if aside:
        names = ", ".join(sorted(str(path.relative_to(folder.path)) for path in aside)[:_NAMED])
        more = f" and {len(aside) - _NAMED} more" if len(aside) > _NAMED else ""
        detail = f"{folder.path} holds what was set aside: {names}{more}"
        yield Finding(check="set aside", verdict="warn", detail=detail, fix="remove it once you need it no longer")


def missing(path: Path) -> Finding:
    """A store that is not there, and whether it could be made."""
    above = next(parent for parent in path.parents if parent.exists())
    if above.is_dir() and os.access(above, os.W_OK):
        fix = "the first 'agentcron add' makes it, and so does 'agentcron start'"
        return Finding(check="store", verdict="warn", detail=f"{path} is not there yet", fix=fix)
    detail = f"{path} is not there, and nothing can be made in {above}"
    return Finding(check="store", verdict="fail", detail=detail, fix="choose another folder")


def _access(folder: Folder) -> Iterator[Finding]:
    places = [place for place in (folder.path, folder.executions, folder.jobs, folder.log) if place.exists()]
    refused = [str(place) for place in places if not os.access(place, os.W_OK)]
    if refused:
        detail = f"{', '.join(refused)} cannot be written"
        yield Finding(check="store", verdict="fail", detail=detail, fix="chown it to the user who runs agentcron")
    written = max((_changed(place) for place in (folder.jobs, folder.log, folder.snapshot)), default=0.0)
    if written > (SystemClock().now() + _SLACK).timestamp():
        last = datetime.fromtimestamp(written, UTC)
        detail = f"stands before the last write to the store ({last:%Y-%m-%d %H:%M} UTC)"
        yield Finding(check="clock", verdict="warn", detail=detail, fix="set the clock of this machine")
    else:
        yield Finding(check="clock", verdict="ok", detail="stands after the last write to the store")


def _writer(folder: Folder) -> Finding:
    """Who writes, and whether the files have followed the log."""
    pid, size = _holder(folder), _size(folder.log)
    if pid is not None:
        behind = f"; {size} bytes of its log are on their way into the files" if size else ""
        return Finding(check="writer", verdict="ok", detail=f"process {pid} writes this folder{behind}")
    if size:
        detail = f"nobody writes; the last writer was cut: {folder.log.name} holds {size} bytes that the files lack"
        fix = "nothing is lost; the next change or 'agentcron start' brings the files up to date"
        return Finding(check="writer", verdict="warn", detail=detail, fix=fix)
    return Finding(check="writer", verdict="ok", detail="nobody writes; the files are up to date")


def _holder(folder: Folder) -> int | None:
    """The process that holds the lock. Its word is read, never the lock taken: a writer that starts now needs it."""
    import psutil

    try:
        pid = int(folder.lock.read_text() or 0)
        process = psutil.Process(pid) if pid > 0 else None
        # A process that is younger than the note was given the pid of one that is gone.
        if process is None or process.create_time() > folder.lock.stat().st_mtime + 1:
            return None
    except (OSError, ValueError, psutil.Error):
        return None
    return pid


def _modes(folder: Folder) -> Iterator[Finding]:
    places = [folder.path, *folder.path.iterdir(), *(folder.executions.iterdir() if folder.executions.is_dir() else ())]
    seen = [str(place) for place in places if _mode(place) & 0o077]
    if os.name != "nt" and seen:
        more = f" and {len(seen) - _NAMED} more" if len(seen) > _NAMED else ""
        detail = f"{', '.join(seen[:_NAMED])}{more} can be read by others"
        yield Finding(check="file modes", verdict="warn", detail=detail, fix=f"chmod -R go= {folder.path}")


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
