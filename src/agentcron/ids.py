"""How jobs, executions and nodes are named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DRAWN: Final = 4096


def job_id() -> str:
    """16 hexadecimal digits at random: the first few already tell most jobs apart.

    Of 16 jobs that one process makes after each other the first five digits are the same and the sixth is not: they
    stand beside each other in an index, which would else write a page of its own for each of very many.
    """
    try:
        return _job_ids.pop()
    except IndexError:
        drawn = _random()
        head, first = drawn[:5], int(drawn[5], 16)
        made = [f"{head}{first + n & 15:x}{_random()[:10]}" for n in range(16)]
        _job_ids.extend(made[1:])
        return made[0]


def keyed_job_id(maker: str, key: str) -> str:
    """The same for the same maker and key: a second job of them finds its id taken."""
    # A key of a model or of JSON may hold half of a character.
    return hashlib.sha256(f"{maker}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def execution_id(now: datetime) -> str:
    """26 hexadecimal digits, the first 12 the milliseconds of ``now``: in order of time, so that an index grows at
    its end (as in UUIDv7, RFC 9562)."""
    return execution_ids(now)()


def execution_ids(now: datetime) -> Callable[[], str]:
    """Makes ids as ``execution_id`` does, all of the same instant."""
    head = _milliseconds(now)
    return lambda: head + _random()


def made_since(instant: datetime) -> str:
    """Sorts before the id of every execution that was made at ``instant`` or later, and after all earlier ones."""
    return _milliseconds(instant)


def _milliseconds(instant: datetime) -> str:
    return f"{(instant - _EPOCH) // _MILLISECOND:012x}"


class _Random:
    """Seven random bytes at a time, as 14 hexadecimal digits. Each asking of the system for some gives the
    interpreter's lock away, and with a busy thread beside it the asker waits for milliseconds to get it back."""

    def __init__(self) -> None:
        self._drawn: list[str] = []
        self._next = 64
        # A child of a fork would draw the very same ids.
        os.register_at_fork(after_in_child=self._drawn.clear)

    def __call__(self) -> str:
        try:
            return self._drawn.pop()
        except IndexError:
            # Few at first: a process that starts one run need not wait for thousands of ids.
            many = os.urandom(7 * self._next).hex()
            self._next = min(4 * self._next, _DRAWN)
            self._drawn.extend(many[at : at + 14] for at in range(14, len(many), 14))
            return many[:14]


_random = _Random()
_job_ids: Final[list[str]] = []
os.register_at_fork(after_in_child=_job_ids.clear)


def node_id() -> str:
    """16 hexadecimal digits at random."""
    return os.urandom(8).hex()
