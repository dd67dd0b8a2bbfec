"""Whether what a job expects of a run holds: a line that says what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentcron.checks import files, fitting, matching, programs, web
from agentcron.checks.place import LookFailed, Place
from agentcron.domain.checks import CheckKind, Expectation, argv_of
from agentcron.domain.findings import Mark
from agentcron.domain.outcomes import AgentOutcome

_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is judged: the answer, how many seconds the agent took, and what files were like before."""

    answer: AgentOutcome
    seconds: float
    before: Sequence[Mark] = ()


async def judge(expected: Sequence[Expectation], run: Run, place: Place) -> str | None:
    """What does not hold, in one line; None where everything does."""
    broken = []
    for one in expected:
        try:
            problem = await _one(one, run, place)
        except LookFailed as error:
            problem = str(error)
        if problem is not None:
            broken.append(f"{one}: {' '.join(problem.split())[:_LONGEST]}")
    return "; ".join(broken) or None


async def _one(one: Expectation, run: Run, place: Place) -> str | None:
    match one.kind:
        case CheckKind.FILE:
            return None if await files.there(place, one.value) else f"there is no file {place.path(one.value)}"
        case CheckKind.CHANGED:
            return await _changed(one, run, place)
        case CheckKind.REGEX:
            return None if await matching.found(one.value, run.answer.output) else "is not found in the answer"
        case CheckKind.SCHEMA:
            return await fitting.fits(one.value, run.answer.output, place)
        case CheckKind.COMMAND:
            return (await programs.run(place, argv_of(one.value), run.answer.output)).problem
        case CheckKind.URL:
            await web.fetch(one.value, body=False)
            return None
        case CheckKind.MIN_TOKENS | CheckKind.MAX_TOKENS:
            tokens = run.answer.usage.tokens if run.answer.usage is not None else None
            return _within(one, tokens, "tokens") if tokens is not None else "the agent does not say how many it used"
        case CheckKind.MIN_SECONDS | CheckKind.MAX_SECONDS:
            return _within(one, round(run.seconds, 3), "seconds")


async def _changed(one: Expectation, run: Run, place: Place) -> str | None:
    before = next((mark.value for mark in run.before if mark.source == str(one)), None)
    if before is None:
        return "it is not known what it was like before the run"
    value = await files.writings(place, one.value)
    if value == files.NOTHING:
        return f"there is no file {place.path(one.value)}"
    return None if value != before else f"{place.path(one.value)} was not written since the run began"


def _within(one: Expectation, found: float, unit: str) -> str | None:
    limit = float(one.value)
    low = one.kind in (CheckKind.MIN_TOKENS, CheckKind.MIN_SECONDS)
    return None if (found >= limit if low else found <= limit) else f"the run took {found:g} {unit}"
