"""The policy table as a page, printed from the cases that the tests run."""

from __future__ import annotations

import itertools
from typing import Final

from tests.policies.cases import Case, Fate, Limit, Look, Situation, cases

SLOTS: Final = ("13:00", "14:00", "15:00")

_INTRO: Final = """# Policy table

What becomes of late and fresh slots, for every combination of `overlap`, `catch_up`, what an earlier execution of the
job is doing, and `max_runs`. [Policies](policies.md) says what each word means; here is what they come to together.

This page is generated from `tests/policies/cases.py`. The tests run each line through the planner, and through a
plugin with its store and engine.

**The job** is due at every full hour, with the default grace of 60 s, window, and `catch_up_max`. Its slots of 13:00,
14:00 and 15:00 were planned by nobody: the machine slept, or no scheduler was up. The first look is

- at 15:30, when **all three are late**: `catch_up` alone decides; or
- half a minute after 15:00, when **the last is on time**: `catch_up` decides about the two, `overlap` about 15:00.

| a cell says | meaning |
| --- | --- |
| runs | begins at this look, beside what is open |
| waits | PENDING; runs when what is before it in the job's lane has ended |
| MISSED(coalesced) | not run: a newer slot stands for it |
| MISSED(too_late) | not run: past its grace, and `catch_up` is skip |
| SKIPPED(overlap) | not run: an earlier execution is open |
| SKIPPED(paused) | not run: the job was paused |
| SKIPPED(limit) | not run: `max_runs` is used up. Decided when the open runs have ended |
| open one canceled | the execution that is open ends as INCOMPLETE(canceled) |
| **COMPLETED** | the job's end, once all that is open has ended |

Every slot is in exactly one row of the history; neighbours that did not run for one reason share a row. An open run
that never begins gives its run back to `max_runs`: that is why the limit is decided at its end.
"""

_TOLD: Final = {
    Situation.IDLE: """## Nothing open

No earlier execution of the job is open.
""",
    Situation.RUNNING: """## An earlier run is running

The 12:00 slot runs still. It keeps the lane of the job; with `allow_all` there is no lane.
""",
    Situation.RETRYING: """## An earlier run waits for its retry

The 12:00 slot failed with a retryable error and is tried again at 15:50. Between its attempts it is open and keeps the
lane: what waits, waits for its last attempt.
""",
    Situation.PARKED: """## An earlier run is parked (AWAITING_INPUT)

The 12:00 slot waits for a person's answer. It is open, so slots do not pile up, and it holds neither a place nor the
lane. No kind of agent asks questions yet: the tests put such a row into the store.
""",
    Situation.PAUSED: """## The job was paused

It was paused while the 12:00 slot ran, which ended normally. The look is the resume: the slots in between are one row
and never caught up, whatever the policies are.
""",
}

_LOOKS: Final = {Look.LATE: "All three are late", Look.MIXED: "15:00 is on time"}
_WORDS: Final = {
    Fate.RUNS: ("runs", "run"),
    Fate.WAITS: ("waits", "wait"),
    **{fate: (f"SKIPPED({fate})",) * 2 for fate in (Fate.OVERLAP, Fate.LIMIT, Fate.PAUSED)},
    **{fate: (f"MISSED({fate})",) * 2 for fate in (Fate.COALESCED, Fate.TOO_LATE)},
}


def pages() -> dict[str, str]:
    """The one page."""
    parts = [_INTRO]
    for situation, of_situation in itertools.groupby(cases(), key=lambda case: case.situation):
        parts.append(_TOLD[situation])
        for look, of_look in itertools.groupby(of_situation, key=lambda case: case.look):
            parts.append(f"### {_LOOKS[look]}\n\n{_table(list(of_look))}\n")
    return {"policy-table.md": "\n".join(parts)}


def _table(found: list[Case]) -> str:
    limits = [limit for limit in Limit if any(case.limit is limit for case in found)]
    lines = [
        f"| overlap | catch_up | {' | '.join(_head(limit, found[0].situation) for limit in limits)} |",
        f"| --- | --- |{' --- |' * len(limits)}",
    ]
    for (overlap, catch_up), of_line in itertools.groupby(found, key=lambda case: (case.overlap, case.catch_up)):
        lines.append(f"| {overlap} | {catch_up} | {' | '.join(map(_cell, of_line))} |")
    return "\n".join(lines)


def _head(limit: Limit, situation: Situation) -> str:
    if limit is Limit.SPENT:
        return "the 12:00 run is the last" if situation is Situation.PAUSED else limit.value
    return {Limit.NONE: "no max_runs", Limit.ONE_LEFT: "one run left"}[limit]


def _cell(case: Case) -> str:
    told = ["open one canceled"] if case.cancels else []
    for fate, group in itertools.groupby(zip(SLOTS, case.fates, strict=True), key=lambda pair: pair[1]):
        slots = [slot for slot, _ in group]
        names = f"{slots[0]} to {slots[-1]}" if len(slots) > 2 else " and ".join(slots)
        told.append(f"{names} {_WORDS[fate][len(slots) > 1]}")
    return ", ".join(told) + (". **COMPLETED**" if case.completes else "")
