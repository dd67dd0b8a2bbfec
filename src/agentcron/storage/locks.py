"""Which processes of this host are alive: each holds a file lock, and a free lock means gone.

The operating system frees the lock when the process ends, however it ends, whatever the clock says. A pid alone
would not do: it is given to another process sooner or later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agentcron.errors import StoreUnavailable

if TYPE_CHECKING:
    from filelock import FileLock


class NodeLocks:
    """The locks in one folder, a file for each node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, FileLock] = {}

    def hold(self, node_id: str) -> None:
        """Take the node's lock for as long as this process lives."""
        from filelock import Timeout

        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = self._lock(node_id)
            lock.acquire(timeout=0)
        except (OSError, Timeout) as error:
            raise StoreUnavailable(
                f"{self._folder}: cannot hold the lock of this scheduler ({error}); check the folder's permissions"
            ) from error
        self._held[node_id] = lock

    @contextlib.contextmanager
    def holding(self, node_id: str) -> Iterator[None]:
        """Take the node's lock, and let go of it where the block fails: a scheduler that is not known lives not."""
        self.hold(node_id)
        try:
            yield
        except BaseException:
            self.release(node_id)
            raise

    def release(self, node_id: str) -> None:
        """Let go of the node's lock and remove its file."""
        lock = self._held.pop(node_id, None)
        if lock is not None:
            with contextlib.suppress(OSError):
                self._path(node_id).unlink()
            lock.release()

    def held(self, node_id: str) -> bool:
        """Whether the process of that node is alive."""
        if node_id in self._held:
            return True
        path = self._path(node_id)
        if not path.exists():
            return False
        from filelock import Timeout

        lock = self._lock(node_id)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:
            # Not to be judged is not gone: ending a live run's row would let it run twice.
            return True
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()
        return False

    def _path(self, node_id: str) -> Path:
        return self._folder / f"{node_id}.lock"

    def _lock(self, node_id: str) -> FileLock:
        from filelock import FileLock

        return FileLock(self._path(node_id), mode=0o600, thread_local=False)
