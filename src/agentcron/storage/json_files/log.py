"""How changes become durable: one checked line each, flushed before it is acknowledged.

A line says what the things it names are now, so that reading it twice does no harm. The last line may be torn by a
crash; it was never acknowledged and is cut off before the next one is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agentcron.storage.json_files.files import explain, flush_folder, read_bytes, write_all

_HEAD: Final = '{"sum":"'
_MIDDLE: Final = '","state":'
_SUM: Final = 16


def seal(text: str) -> str:
    """A JSON text as one line with its checksum."""
    return f"{_HEAD}{_digest(text)}{_MIDDLE}{text}}}\n"


def unseal(line: bytes) -> Any:
    """The value of such a line. Raises ``ValueError`` where it is not what was written."""
    text = line.decode().rstrip("\n")
    start = len(_HEAD) + _SUM + len(_MIDDLE)
    body = text[start:-1]
    if not text.startswith(_HEAD) or text[len(_HEAD) : len(_HEAD) + _SUM] != _digest(body):
        raise ValueError("the checksum differs")
    return json.loads(body)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM]


@dataclass(slots=True)
class Replay:
    """What a log holds: its readable lines, the damaged ones, and how many bytes end in a whole line."""

    states: list[Any] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)
    length: int = 0


def read_log(path: Path) -> Replay:
    """Read the log. A torn last line is no damage."""
    replay = Replay()
    data = read_bytes(path) or b""
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines):
        try:
            replay.states.append(unseal(line))
        except ValueError:
            if number + 1 == len(lines) and not line.endswith(b"\n"):
                break
            replay.damaged.append(line)
        replay.length += len(line)
    if lines and replay.length == len(data) and not data.endswith(b"\n"):
        # Whole but for its line end: written again, lest the next line be glued to it.
        replay.states.pop()
        replay.length -= len(lines[-1])
    return replay


class Log:
    """The writer's end of the log. Its methods may be called from two threads."""

    def __init__(self, path: Path, length: int) -> None:
        self._path = path
        self._length = length
        self._handle: int | None = None
        self._clean = False
        self._lock = threading.Lock()
        self._lines = 0

    def append(self, text: str, *, counts: bool = True) -> None:
        """Make one more line durable. Raises ``StoreUnavailable``; the log is then as it was.

        A line that says nothing of jobs or executions does not count.
        """
        data = seal(text).encode("utf-8", "surrogatepass")
        with self._lock:
            try:
                handle = self._ready()
                self._clean = False
                write_all(handle, data)
                os.fsync(handle)
            except OSError as error:
                self._cut()
                raise explain(error, self._path) from error
            self._clean = True
            self._length += len(data)
            self._lines += counts

    def empty(self, lines: int) -> bool:
        """Forget everything, where there are no more than these ``lines`` since the log was opened."""
        with self._lock:
            if self._lines != lines:
                return False
            try:
                handle = self._ready()
                os.ftruncate(handle, 0)
                os.fsync(handle)
            except OSError as error:
                raise explain(error, self._path) from error
            self._length = 0
            return True

    def close(self) -> None:
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
            self._handle = None

    def _ready(self) -> int:
        if self._handle is not None and not self._is_in_place(self._handle):
            # A file that was removed or replaced still takes lines, and nobody would ever read them.
            os.close(self._handle)
            self._handle, self._clean, self._length = None, False, read_log(self._path).length
        if self._handle is None:
            new = not self._path.exists()
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            if new:
                flush_folder(self._path.parent)
        if not self._clean:
            if os.fstat(self._handle).st_size != self._length:
                os.ftruncate(self._handle, self._length)
                os.fsync(self._handle)
            self._clean = True
        return self._handle

    def _is_in_place(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _cut(self) -> None:
        """A line that was refused must not come back after a crash; tried again before the next line otherwise."""
        try:
            if self._handle is not None:
                os.ftruncate(self._handle, self._length)
                os.fsync(self._handle)
                self._clean = True
        except OSError:
            self._clean = False
