"""How often Python's collector looks, in a process that is the command's alone."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

_RARELY: Final = (50_000, 10, 20)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector wait for more.

    Very many runs at once hold very many values for a moment, none of them in a circle; at Python's own pace a tenth of
    a run's CPU goes into finding that out again and again. Never called from the library: in the process of a host it
    is the host's to decide.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
