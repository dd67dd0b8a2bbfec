"""One file, one holder: how a process keeps others out, and how the system lets them in when it ends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

try:
    import fcntl

    HAS_FCNTL = True
except ImportError:  # Windows
    HAS_FCNTL = False

if TYPE_CHECKING:
    from filelock import FileLock

POLL_S: Final = 0.002


class LockFile:
    """An exclusive lock between processes, and between two of these objects in one process.

    The file is made where it is missing, mode 0600, and stays. ``with`` waits ``patience`` seconds for the lock and
    raises ``TimeoutError``, an ``OSError``. The descriptor is kept open from one hold to the next, so that holding it
    costs three system calls: a writer takes it for every commit. ``close`` lets go of it.
    """

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        self._path = str(path)
        self._patience = patience
        self._descriptor = -1
        self._portable: FileLock | None = None

    def take(self) -> bool:
        """Take the lock if it is free; whether it was. Raises ``OSError`` where it cannot be told."""
        if not HAS_FCNTL:
            return self._take_portably()
        while True:
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                return False
            if os.fstat(self._descriptor).st_nlink:
                return True
            # The file was removed: whoever comes next locks another one of this name, and both would hold "it".
            self.close()

    def free(self) -> None:
        """Let the next one take it."""
        if self._portable is not None:
            self._portable.release()
        elif self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the lock and of the file."""
        self.free()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        if not self.take():
            until = time.monotonic() + self._patience
            while not self.take():
                if time.monotonic() >= until:
                    raise TimeoutError(f"{self._path} is held by another process")
                time.sleep(POLL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()

    def _take_portably(self) -> bool:
        from filelock import FileLock, Timeout

        if self._portable is None:
            self._portable = FileLock(self._path, timeout=0, mode=0o600, thread_local=False)
        try:
            self._portable.acquire()
        except Timeout:
            return False
        return True
