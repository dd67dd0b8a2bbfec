"""How a copy of a store gets its place: written beside it, then put there whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from agentcron.errors import ConflictError, StoreUnavailable


@contextlib.contextmanager
def placing(path: Path, *, store: Path, overwrite: bool) -> Iterator[Path]:
    """A path to write the copy of ``store`` to; it becomes ``path`` when the block ends well, else it is removed.

    Raises ``ConflictError`` where something is there already, or where ``path`` belongs to the store itself, and
    ``StoreUnavailable`` where it cannot be written.
    """
    path = path.absolute()
    _refuse(path, store, overwrite)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            yield temporary
            _put(temporary, path, overwrite)
        finally:
            _remove(temporary)
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: the backup cannot be written ({error.strerror or error}); choose another place or free some space"
        ) from error


def flush(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse(path: Path, store: Path, overwrite: bool) -> None:
    place, own = path.resolve(), store.resolve()
    beside = {own.with_name(own.name + ending) for ending in ("", "-wal", "-shm", "-lock", "-nodes")}
    # A folder around the store is as bad as one in it: replacing it would remove the store.
    if place in beside or own in place.parents or place in own.parents:
        raise ConflictError(f"{path}: belongs to the store itself; name another place")
    if path.exists() and not overwrite:
        raise ConflictError(f"{path}: exists already; name another place, or replace it with --force")


def _put(temporary: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        if path.is_dir():
            old = path.with_name(f"{temporary.name}.old")
            path.rename(old)
            temporary.rename(path)
            import shutil  # only a copy that goes wrong, or replaces another, needs it

            shutil.rmtree(old)
        else:
            temporary.replace(path)
    elif temporary.is_dir():
        temporary.rename(path)
    else:
        try:
            # Unlike a rename it fails where somebody was faster.
            os.link(temporary, path)
        except FileExistsError:
            raise ConflictError(f"{path}: exists already; name another place, or replace it with --force") from None
    flush(path.parent)


def _remove(path: Path) -> None:
    if path.is_dir():
        import shutil  # only a copy that goes wrong, or replaces another, needs it

        shutil.rmtree(path, ignore_errors=True)
    for left in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))):
        with contextlib.suppress(OSError):
            left.unlink()
