"""Which processes of this host are alive: each holds a file lock, and a free lock means gone.

The operating system frees the lock when the process ends, however it ends, whatever the clock says. A pid alone
would not do: it is given to another process sooner or later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from agentcron.errors import StoreUnavailable
from agentcron.storage.lock_file import LockFile


class NodeLocks:
    """The locks in one folder, a file for each node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, LockFile] = {}

    def hold(self, node_id: str) -> None:
        """Take the node's lock for as long as this process lives."""
        lock = LockFile(self._path(node_id))
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not lock.take():
                raise TimeoutError("another process holds it")
        except OSError as error:
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
            lock.close()

    def held(self, node_id: str) -> bool:
        """Whether the process of that node is alive."""
        if node_id in self._held:
            return True
        path = self._path(node_id)
        if not path.exists():
            return False
        lock = LockFile(path)
        try:
            if not lock.take():
                return True
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:
            # Not to be judged is not gone: ending a live run's row would let it run twice.
            return True
        finally:
            lock.close()
        return False

    def _path(self, node_id: str) -> Path:
        return self._folder / f"{node_id}.lock"
