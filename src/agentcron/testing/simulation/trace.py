"""What happened in a simulation, as seen from outside the scheduler: agents, people, faults, acknowledged writes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from agentcron.domain.letters import Letter
from agentcron.domain.model import Execution, Job
from agentcron.domain.spec import JobSpec
from agentcron.testing.simulation.scenario import Scenario

# Who does what people do, in the log.
PERSON: Final = "person"


@dataclass(slots=True, kw_only=True)
class Start:
    """One beginning of an agent. ``begun_us`` and ``ended_us`` are on the monotonic clock, ``at`` on the wall's.

    ``deaf_us`` is since when it ignores that it was ended, if it does: nothing in this process can make it give way, so
    it is no longer counted from then on. ``row`` is what the store held of the execution at that moment, ``answer``
    what the agent said, if it finished.
    """

    execution_id: str
    attempt: int
    node: str
    places: int
    key: str
    at: datetime
    latest: datetime
    begun_us: int
    row: Execution | None
    ended_us: int | None = None
    deaf_us: int | None = None
    answer: str | None = None

    @property
    def over_us(self) -> int | None:
        """When it ended, or stopped to listen."""
        return self.ended_us if self.deaf_us is None else self.deaf_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A change by a person that took effect, acknowledged or not. ``at`` is the instant it was made for, ``latest``
    the latest that the clock had ever shown by then (later than ``at`` only where it was set back)."""

    what: str
    job_id: str
    at: datetime
    latest: datetime
    spec: JobSpec | None = None
    execution_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A stretch of the wall clock in which slots may have been missed through no fault of the scheduler."""

    begin: datetime
    end: datetime
    why: str


class Event(NamedTuple):
    """One line of the log: microseconds since the start, the wall clock, who, what."""

    us: int
    wall: datetime
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.us / 1e6:14.6f}s  {self.wall:%Y-%m-%d %H:%M:%S.%f}  {self.who:10}  {self.what}"


@dataclass(slots=True, kw_only=True)
class Trace:
    """Everything that the checker is given besides the store's rows.

    ``kept`` is the settlement of each execution that was acknowledged as final first, ``late`` names those that were
    acknowledged once more. ``stuck`` are rows found open past their time, ``changed`` final rows that were found
    different from before; ``jobs``, ``rows`` and ``letters`` are what the store held at the end.
    ``writes`` counts what schedulers and people asked the store to write.
    """

    scenario: Scenario
    events: list[Event] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Execution] = field(default_factory=dict)
    late: list[Execution] = field(default_factory=list)
    stuck: dict[str, tuple[Execution, str]] = field(default_factory=dict)
    changed: list[tuple[Execution, Execution | None]] = field(default_factory=list)
    final: dict[str, Execution] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    rows: list[Execution] = field(default_factory=list)
    letters: Sequence[Letter] = ()
    end: datetime | None = None
    crashes: int = 0
    writes: int = 0

    @property
    def digest(self) -> str:
        """A fingerprint of the log and of the rows: equal for two runs of one scenario."""
        told = hashlib.sha256()
        for event in self.events:
            told.update(str(event).encode())
        for row in self.rows:
            told.update(repr(row).encode())
        return told.hexdigest()
