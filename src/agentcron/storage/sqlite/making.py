"""How a new file comes to be: whole or not at all, and never in the place of one that was lost."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from agentcron.errors import StoreError, StoreUnavailable
from agentcron.observability import get_logger
from agentcron.storage.placing import flush
from agentcron.storage.sqlite.connection import explain, migrate

_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_SMALLEST: Final = 512


def make_where_missing(path: Path) -> None:
    """Make an empty store that only its owner may read, where there is no file. Raises ``StoreUnavailable``."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(path)
        else:
            judge(path)
            if path.stat().st_size == 0:
                get_logger().warning(f"{path}: is an empty file; a new store is made in it")
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: cannot be made or written ({error.strerror}); check the folder and its permissions, "
            "or name another place with --store"
        ) from error


def judge(path: Path) -> None:
    """Raise ``StoreUnavailable`` for a file that was cut short: SQLite takes what is left of some for a new one."""
    if path.stat().st_size == 0:
        _judge_empty(path)
    else:
        _judge_length(path)


def _make(path: Path) -> None:
    """Write the schema into a file beside the place and link it there: a half store, or an empty file that a crash
    left, could not be told from one whose jobs are lost."""
    # Imported where it is used: a process that opens a store which is there starts without it.
    import tempfile

    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        # With a rollback journal: a log would be moved into the file at the end, where a fault goes untold.
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            # Space that pruning frees can be given back; only a file with nothing in it takes this without a VACUUM.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, temporary)
        flush(temporary)
        _link(temporary, path)
        flush(path.parent)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except StoreError as error:
        # SQLite gives -wal and -shm the name of the file: the person knows the one that was asked for.
        raise type(error)(str(error).replace(str(temporary), str(path))) from error
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                temporary.with_name(temporary.name + ending).unlink()


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was faster: its store is as good
    except OSError:
        # A file system without hard links; a rename would replace a store that another process made meanwhile.
        if not path.exists():
            temporary.rename(path)


def _judge_length(path: Path) -> None:
    """SQLite takes the stump of a file for a new one where less than its header is left."""
    with path.open("rb") as file:
        head, size = file.read(_HEADER), path.stat().st_size
    pages, step = int.from_bytes(head[28:32]), int.from_bytes(head[16:18])
    log = path.with_name(path.name + "-wal")
    if size >= _SMALLEST and (head[:4] != b"SQLi" or step & (step - 1)):
        return  # not ours, or damaged otherwise: SQLite tells
    if log.exists() and log.stat().st_size > 0 and size >= _SMALLEST:
        return  # the rest may be in the log
    if not head.startswith(_MAGIC[: len(head)]):
        raise StoreUnavailable(f"{path}: is no SQLite file; name another place")
    whole = pages * (65_536 if step == 1 else step)
    if size < max(whole, _SMALLEST):
        raise StoreUnavailable(
            f"{path}: is damaged: it was cut short ({size} of {whole or 'unknown'} bytes); restore a backup, and keep "
            "the damaged file"
        )


def _judge_empty(path: Path) -> None:
    """An empty file that was a store is not made a new one; one that somebody made beforehand is, with a word."""
    log = path.with_name(path.name + "-wal")
    if path.with_name(path.name + "-nodes").is_dir() or (log.exists() and log.stat().st_size > 0):
        raise StoreUnavailable(
            f"{path}: is empty, and it was a store; restore a backup, or remove it with what stands beside it "
            "(-wal, -shm, -nodes) to start a new one"
        )
