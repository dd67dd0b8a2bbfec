"""Which process writes the folder: the one that holds its lock file, with its pid inside."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agentcron.errors import ConflictError
from agentcron.storage.json_files.files import explain

if TYPE_CHECKING:
    from filelock import FileLock


class WriterLock:
    """The lock of one folder. The file stays: removing it would let two processes lock two files of one name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: FileLock | None = None

    @property
    def held(self) -> bool:
        """Whether this store is the one that writes."""
        return self._lock is not None

    def acquire(self) -> None:
        """Become the writer. Raises ``ConflictError`` naming the process that is, and ``StoreUnavailable``."""
        from filelock import FileLock, Timeout

        # Read first: releases of filelock before 4 empty the file when they ask for the lock.
        holder = self._holder()
        lock = FileLock(self._path, mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ConflictError(
                f"{self._path.parent}: process {holder} writes this folder; stop it, or make the change there"
            ) from error
        except OSError as error:
            raise explain(error, self._path) from error
        self._lock = lock
        # On a full disk the pid is only missing from another process's message.
        with contextlib.suppress(OSError):
            self._path.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        """Let another process write."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                self._path.write_text("")
            lock.release()

    def _holder(self) -> str:
        try:
            return self._path.read_text().strip() or "(unknown)"
        except OSError:
            return "(unknown)"
