"""How many runs of one line, and of all, go on or start at once over every process on a store?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from agentcron.domain.plans import Plan
from agentcron.domain.rate import Rate
from agentcron.domain.spec import JobSpec
from agentcron.domain.values import read_whole
from agentcron.errors import InvalidJobError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")
_MOST: Final = 100_000
_EDGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A line that jobs name by their field ``queue``. Raises ``InvalidJobError`` for a value out of range."""

    concurrency: int | None = None
    """The most of its runs that go on at once in all processes on the store (1 to 100,000); None: no limit."""
    priority: int = 0
    """Added to the priority of its jobs (-1000 to 1000); the sum is held within the same range."""

    def __post_init__(self) -> None:
        if self.concurrency is not None and not 1 <= self.concurrency <= _MOST:
            raise _bad("concurrency", f"{self.concurrency} is out of range (1 to {_MOST})")
        if not -_EDGE <= self.priority <= _EDGE:
            raise _bad("priority", f"{self.priority} is out of range (-{_EDGE} to {_EDGE})")


Queues = Mapping[str, Queue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLimits:
    """What claims are held to beyond the places of their node, judged over every process on the store.

    ``queues`` holds the concurrency of each queue that has one. Every node is to be given the same limits: a claim is
    judged by those of the node that makes it.
    """

    queues: Mapping[str, int] = field(default_factory=dict)
    everywhere: int | None = None
    """The most runs at once, of all queues and of none."""
    rate: Rate | None = None
    """The most starts within any such time."""


class Room:
    """What one claim may still take. ``running`` counts the runs that go on by their queue, None for those of none;
    ``started`` the starts within the period of the rate."""

    def __init__(self, limits: ClaimLimits, running: Mapping[str | None, int], started: int = 0) -> None:
        self._free = {name: most - running.get(name, 0) for name, most in limits.queues.items()}
        at_once = [] if limits.everywhere is None else [limits.everywhere - sum(running.values())]
        starts = [] if limits.rate is None else [limits.rate.starts - started]
        self._left: int | None = min([*at_once, *starts], default=None)

    def within(self, limit: int) -> int:
        """How many rows may be taken at most where ``limit`` are wanted."""
        return limit if self._left is None else max(0, min(limit, self._left))

    @property
    def full(self) -> list[str]:
        """The queues of which no row may be taken."""
        return sorted(name for name, free in self._free.items() if free <= 0)

    def take(self, spec: JobSpec) -> bool:
        """Whether a row of the job may be taken; it is counted then."""
        if spec.queue in self._free:
            if self._free[spec.queue] <= 0:
                return False
            self._free[spec.queue] -= 1
        return True


def limits_of(queues: Queues, everywhere: int | None = None, rate: Rate | None = None) -> ClaimLimits | None:
    """The limits that hold; None where there is none, so that claims need not ask."""
    bounded = {name: one.concurrency for name, one in queues.items() if one.concurrency is not None}
    if not bounded and everywhere is None and rate is None:
        return None
    return ClaimLimits(queues=bounded, everywhere=everywhere, rate=rate)


def ranked(plan: Plan, queues: Queues) -> Plan:
    """The plan with the priority of the job's queue in the rows that it makes ready."""
    job = plan.job_after or plan.before
    queue = queues.get(job.spec.queue) if job is not None and job.spec.queue is not None else None
    if job is None or queue is None or queue.priority == 0 or not plan.rows:
        return plan
    own = job.spec.priority
    more = min(max(own + queue.priority, -_EDGE), _EDGE) - own
    rows = tuple(row if row.final else row.evolve(priority=row.priority + more) for row in plan.rows)
    return replace(plan, rows=rows)


def check_queue(spec: JobSpec, queues: Queues) -> None:
    """Raise ``InvalidJobError`` for a job that names a queue which is not configured."""
    if spec.queue is not None and spec.queue not in queues:
        known = f"known are {', '.join(sorted(queues))}" if queues else "none is configured"
        raise InvalidJobError(
            f"queue: {spec.queue!r} is not configured ({known}); name a known one, or add [queues.{spec.queue}] to the "
            "settings",
            field="queue",
        )


def read_queues(values: Mapping[str, Any]) -> dict[str, Queue]:
    """The queues by their names: each a ``Queue``, or a mapping of its fields. Raises ``InvalidJobError``."""
    return {name: _read(name, value) for name, value in values.items()}


def _read(name: str, value: Any) -> Queue:
    if not _NAME.fullmatch(name):
        raise _bad(repr(name), "is not a name; use letters, digits and _ . : / - (at most 64)")
    if isinstance(value, Queue):
        return value
    if not isinstance(value, Mapping):
        raise _bad(name, f"{value!r} is not a queue; write [queues.{name}] and below it concurrency = 2")
    known = [one.name for one in fields(Queue)]
    for key in value:
        if key not in known:
            raise _bad(name, f"{key!r} is not one of {', '.join(known)}")
    read = {key: read_whole(f"queues.{name}.{key}", given, "") for key, given in value.items() if given is not None}
    try:
        return Queue(**read)
    except InvalidJobError as error:
        raise InvalidJobError(str(error).replace("queues.", f"queues.{name}.", 1), field=error.field) from None


def _bad(name: str, told: str) -> InvalidJobError:
    return InvalidJobError(f"queues.{name}: {told}", field="queues")
