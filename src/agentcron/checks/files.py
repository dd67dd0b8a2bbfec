"""What files are like: by their bytes for a gate, by their latest writing for a check."""

from __future__ import annotations

import asyncio
import glob
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from agentcron.checks.place import LookFailed, Place

MOST_FILES: Final = 10_000
MOST_BYTES: Final = 256 << 20
# What stands for a file, a glob or a feed in which there is nothing at all.
NOTHING: Final = "nothing there"
_CHUNK: Final = 1 << 20


async def contents(place: Place, pattern: str) -> str:
    """How many files, and a sum over their names and bytes. Raises ``LookFailed``."""
    return await asyncio.to_thread(_contents, place.path(pattern))


async def writings(place: Place, pattern: str) -> str:
    """How many files, and a sum over when and how each was last written. Raises ``LookFailed``."""
    return await asyncio.to_thread(_writings, place.path(pattern))


async def there(place: Place, pattern: str) -> bool:
    """Whether there is a file of this name or glob, or a folder with a file in it. Raises ``LookFailed``."""
    return bool(await asyncio.to_thread(_files, place.path(pattern)))


def _contents(path: Path) -> str:
    found = _files(path)
    left = MOST_BYTES
    total = hashlib.sha256()
    for file, state in found:
        left -= state.st_size
        if left < 0:
            raise LookFailed(f"{path}: holds more than {MOST_BYTES >> 20} MiB; name fewer files")
        total.update(f"{file}\0{_sum(file)}\0".encode("utf-8", "surrogateescape"))
    return _told(len(found), total.hexdigest())


def _writings(path: Path) -> str:
    found = _files(path)
    total = hashlib.sha256()
    for file, state in found:
        # The inode too: a file that is replaced within one tick of the file system's clock was written.
        line = f"{file}\0{state.st_mtime_ns}\0{state.st_size}\0{state.st_ino}\0"
        total.update(line.encode("utf-8", "surrogateescape"))
    return _told(len(found), total.hexdigest())


def _told(count: int, digest: str) -> str:
    return f"{count} {'file' if count == 1 else 'files'} {digest[:16]}" if count else NOTHING


def _files(path: Path) -> list[tuple[str, os.stat_result]]:
    """The regular files of a path, a folder or a glob, in the order of their names. What cannot be opened by a name
    is not looked at: a pipe would be waited for without end."""
    try:
        if path.is_dir():
            names = (str(Path(folder, name)) for folder, _, within in os.walk(path) for name in within)
        elif glob.has_magic(str(path)):
            names = (name for name in glob.iglob(str(path), recursive=True))  # noqa: PTH207 - it takes absolute ones
        else:
            names = (name for name in [str(path)])
        found = []
        for name in names:
            try:
                state = os.stat(name)  # noqa: PTH116 - names of a glob are texts, ten thousand of them
            except FileNotFoundError:
                continue
            if stat.S_ISREG(state.st_mode):
                found.append((name, state))
            if len(found) > MOST_FILES:
                raise LookFailed(f"{path}: names more than {MOST_FILES} files; name fewer")
    except OSError as error:
        raise LookFailed(f"{path}: cannot be read: {error.strerror}") from error
    return sorted(found)


def _sum(name: str) -> str:
    total = hashlib.sha256()
    try:
        with open(name, "rb") as file:  # noqa: PTH123
            while data := file.read(_CHUNK):
                total.update(data)
    except OSError as error:
        raise LookFailed(f"{name}: cannot be read: {error.strerror}") from error
    return total.hexdigest()
