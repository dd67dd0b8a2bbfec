"""The kind ``file``: each message is one line of JSON at the end of a file, on the disk before it counts as taken."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import stat
from pathlib import Path
from typing import Final

from agentcron.delivery.message import DeliveryError, Message
from agentcron.delivery.reading import Around, Given

KEYS: Final = ("path",)


class File:
    """Appends to one file."""

    def __init__(self, given: Given, around: Around) -> None:
        written = given.needed("path", '"messages.jsonl"')
        if "\0" in written:
            raise given.refuse("path", "holds a NUL character")
        self._path = (around.base_dir or Path()).absolute() / Path(written).expanduser()

    def check(self) -> None:
        """Nothing can be said before it is written to."""

    async def send(self, message: Message) -> None:
        try:
            await asyncio.to_thread(_append, self._path, line(message))
        except OSError as error:
            why = "is a symbolic link, which is not followed" if error.errno == errno.ELOOP else error.strerror
            raise DeliveryError(f"{self._path}: cannot be written: {why}", retryable=True) from None


def line(message: Message) -> bytes:
    """The message's object on one line."""
    text = message.body
    if "\n" in text or "\r" in text:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return text.encode() + b"\n"


def _append(path: Path, data: bytes) -> None:
    # A link that another user put there would lead our line, and our rights, somewhere else; a pipe would be waited for
    # without end.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        # Several endpoints and processes may share the file.
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            # What was being written when a machine died must not swallow this line.
            data = b"\n" + data
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError:
            # A full disk takes half of a line; the next try begins a whole one.
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if size == 0:
        _keep_name(path.parent)


def _keep_name(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(given: Given, around: Around) -> File:
    """The sender of these values. Raises ``ConfigError``."""
    return File(given, around)
