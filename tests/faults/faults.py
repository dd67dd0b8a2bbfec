"""Which call fails, and with what: the n-th of its name alone, or that one and all after it until it is mended."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Faults:
    """Counts calls by name, from whatever thread, and says which are to fail with which ``errno``."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.fired = 0
        self._name, self._at, self._code, self._lasting = "", 0, 0, False
        self._lock = threading.Lock()

    def arm(self, name: str, at: int, code: int, *, lasting: bool) -> None:
        """Let the ``at``-th call of this name from now on fail; all after it as well where it is ``lasting``."""
        with self._lock:
            self.counts.clear()
            self.fired = 0
            self._name, self._at, self._code, self._lasting = name, at, code, lasting

    def mend(self) -> None:
        """Nothing fails any more."""
        with self._lock:
            self._name = ""

    def asked(self, name: str) -> int:
        """The errno that this call fails with; 0: it does not."""
        with self._lock:
            self.counts[name] += 1
            # A full disk is full for every kind of write, and for what makes room on it none.
            count = self.counts[name]
            hit = name == self._name and (count == self._at or (self._lasting and count > self._at))
            self.fired += hit
            return self._code if hit else 0


class _Os:
    """The module ``os`` with some calls in between."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _check(self, name: str) -> None:
        if code := self._faults.asked(name):
            raise OSError(code, os.strerror(code))

    def write(self, handle: int, data: Any) -> int:
        """On a fault half of the bytes arrive, as on a disk that fills up."""
        if code := self._faults.asked("write"):
            os.write(handle, bytes(data)[: len(data) // 2])
            raise OSError(code, os.strerror(code))
        return os.write(handle, data)

    def fsync(self, handle: int) -> None:
        self._check("fsync")
        os.fsync(handle)


@contextmanager
def faulty_files(faults: Faults) -> Iterator[None]:
    """While the block runs, the JSON folder's writes, flushes and renames obey ``faults``."""
    from agentcron.storage.json_files import files, log

    real_replace = Path.replace

    def replace(self: Path, target: Any) -> Path:
        if code := faults.asked("rename"):
            raise OSError(code, os.strerror(code))
        return real_replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "os", _Os(faults))
        patch.setattr(log, "os", _Os(faults))
        patch.setattr(Path, "replace", replace)
        yield
