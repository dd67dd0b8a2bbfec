"""What a gate saw, and what of it is kept: with the execution at once, with the job when the run has succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """What a source was like at one moment. ``since`` is when it was first seen so."""

    source: str
    value: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found around one run, kept with its execution from its beginning on.

    ``gate`` says in a line what was compared. ``marks`` are what the sources were like; a success makes them the
    job's. ``before`` is what files that must change were like. ``silent``: the answer has nothing to tell. ``trace_id``
    names the trace that the run is in, 32 hexadecimal digits.
    """

    gate: str | None = None
    marks: tuple[Mark, ...] = ()
    before: tuple[Mark, ...] = ()
    silent: bool = False
    trace_id: str | None = None
