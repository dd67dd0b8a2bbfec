"""How the files of the folder are named, read, replaced whole, and set aside."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agentcron.errors import StoreUnavailable

# Two of them and what stands around a file that is being written fit into the 255 bytes of a file name.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_REMEDIES: Final = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EROFS: "the file system is read-only: mount it writable or choose another folder",
    errno.EACCES: "check the permissions of the file and its folder",
    errno.EPERM: "check the permissions of the file and its folder",
    errno.EEXIST: "something that is no folder stands there: choose another folder",
    errno.ENOTDIR: "a part of the path is no folder: choose another one",
    errno.EIO: "the disk reports a fault: check it, and restore the folder from a backup where files are damaged",
}
Mark = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Folder:
    """The places in one ``background-jobs`` folder."""

    path: Path

    @property
    def jobs(self) -> Path:
        return self.path / "jobs.json"

    @property
    def executions(self) -> Path:
        return self.path / "executions"

    @property
    def snapshot(self) -> Path:
        return self.path / "agentcron.json"

    @property
    def log(self) -> Path:
        return self.path / "agentcron.jsonl"

    @property
    def lock(self) -> Path:
        return self.path / "agentcron.lock"

    @property
    def nodes(self) -> Path:
        return self.path / "agentcron-nodes"

    @property
    def corrupt(self) -> Path:
        return self.path / "corrupt"

    def marks(self) -> tuple[Mark, ...]:
        """What changes when another process writes here."""
        return tuple(_mark(path) for path in (self.snapshot, self.log, self.jobs))


def folder_of(directory: str | Path) -> Folder:
    """The folder that a storage directory holds, or is."""
    path = Path(directory).expanduser().absolute()
    return Folder(path if path.name == "background-jobs" else path / "background-jobs")


def execution_name(job_id: str, execution_id: str) -> str:
    """The file name of an execution; ids that could mean something to a file system are hashed."""
    return f"{_name(job_id)}-{_name(execution_id)}.json"


def longer_name(job_id: str, execution_id: str) -> str:
    """A file name that is no other execution's: with a hyphen in the ids, two pairs of them may be written alike."""
    return f"{_name(job_id)}-{_name(execution_id)}-{_hashed(f'{job_id}/{execution_id}')[:16]}.json"


def _name(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "x" + _hashed(text)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_bytes(path: Path) -> bytes | None:
    """The file's bytes; None where there is none. Raises ``StoreUnavailable``."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain(error, path) from error


def parse(data: bytes) -> Any:
    """The JSON value of these bytes. Raises ``ValueError``."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def encode(value: Any, indent: int | None = 2) -> str:
    """JSON as ``JSON.stringify`` writes it: two spaces, and text as it is but for halves of a character."""
    separators = None if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    return text if _is_whole(text) else json.dumps(value, indent=indent, separators=separators)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file: a crash leaves the old one or the new one. The caller flushes the folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(handle, data)
        os.fsync(handle)
    except BaseException:
        # A half file would take the space that the next attempt needs.
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(handle)
    temporary.replace(path)


def write_all(handle: int, data: bytes) -> None:
    """Every byte: one call may write only a part of them."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def flush_folder(path: Path) -> None:
    """Make renames in this folder durable, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(path: Path, data: bytes, word: str = "corrupt") -> Path | None:
    """Keep a copy of damaged bytes beside the file; None where nothing can be written there."""
    try:
        for number in range(1, 1000):
            copy = path.with_name(f"{path.name}.{word}-{number}")
            if not copy.exists():
                write_whole(copy, data)
                return copy
            if copy.read_bytes() == data:
                return copy
    except OSError:
        return None
    return None


def keep_entry(folder: Folder, kind: str, data: bytes) -> Path | None:
    """Keep one damaged entry in the folder ``corrupt``; the same bytes are kept once."""
    copy = folder.corrupt / f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
    try:
        folder.corrupt.mkdir(mode=0o700, exist_ok=True)
        if not copy.exists():
            write_whole(copy, data)
    except OSError:
        return None
    return copy


def kept(copy: Path | None) -> str:
    """Where damaged bytes are, in words; None where they could not be copied."""
    return f"its bytes are kept in {copy}" if copy else "its bytes could not be copied: the folder cannot be written"


def explain(error: OSError, path: Path) -> StoreUnavailable:
    """The error in one line, with what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "check the disk and the folder's permissions")
    return StoreUnavailable(f"{path}: {error.strerror or error}; {remedy}")


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
