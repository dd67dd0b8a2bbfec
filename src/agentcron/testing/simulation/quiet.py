"""What must hold at any quiet moment, while the simulation goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution
from agentcron.testing.simulation.ground import Ground
from agentcron.testing.simulation.trace import Trace

# One upkeep period, the beat before it, and a moment for what follows from it.
_LIMIT: Final = timedelta(seconds=8)


async def find_stuck(
    ground: Ground, now: datetime, running: Mapping[str, int], places: int
) -> dict[str, tuple[Execution, str]]:
    """Open rows that nobody looks after, with the reason, by id: P3 at a moment without any fault.

    ``running`` is how many executions each living scheduler runs, ``places`` how many it may.
    """
    rows = await ground.open_rows()
    busy = {row.lane for row in rows if row.status is ExecutionStatus.RUNNING}
    heads: dict[str | None, str] = {}
    for row in rows:
        if row.lane is not None:
            heads.setdefault(row.lane, row.id)
    found = {}
    for row in rows:
        over = row.wake_at is not None and row.wake_at + _LIMIT < now
        if row.wake_at is None:
            found[row.id] = (row, "is open without a wake_at")
        elif row.status is ExecutionStatus.RUNNING and over:
            found[row.id] = (row, f"runs past its wake_at {row.wake_at.isoformat()}")
        elif row.status is ExecutionStatus.RUNNING and row.owner not in running:
            found[row.id] = (row, f"belongs to {row.owner}, which is gone")
        elif row.status is not ExecutionStatus.RUNNING and row.cancel_requested is not None:
            canceled_at = row.cancel_requested
            if canceled_at + _LIMIT < now:
                found[row.id] = (row, f"waits, though it was canceled at {canceled_at.isoformat()}")
        elif row.status is ExecutionStatus.AWAITING_INPUT and over:
            found[row.id] = (row, f"is parked past its wake_at {row.wake_at.isoformat()}")
        elif (
            row.status is ExecutionStatus.PENDING
            and over
            and _may_run(row, busy, heads)
            and any(number < places and _may_catch_up(row, rows, name, places) for name, number in running.items())
        ):
            found[row.id] = (row, f"could run since {row.wake_at.isoformat()} and does not")
    for job in await ground.jobs():
        if job.state is JobState.ACTIVE and job.next_run is not None and job.next_run + _LIMIT < now:
            row = Execution(id="", job_id=job.id, version=job.version, at=job.next_run, status=ExecutionStatus.PENDING)
            found[job.id] = (row, f"is due since {job.next_run.isoformat()} and not planned")
    return found


def _may_run(row: Execution, busy: set[str | None], heads: dict[str | None, str]) -> bool:
    return row.lane is None or (row.lane not in busy and heads[row.lane] == row.id)


def _may_catch_up(row: Execution, rows: Sequence[Execution], name: str, places: int) -> bool:
    """Whether the row is on time, or the scheduler has a place for it: what is caught up holds half, rounded up."""
    others = [other for other in rows if other.owner == name and other.status is ExecutionStatus.RUNNING]
    return not row.caught_up or sum(other.caught_up for other in others) < (places + 1) // 2


async def find_changed(ground: Ground, trace: Trace) -> None:
    """Compare the final rows with how they were found before, and remember the new ones."""
    rows = {row.id: row for row in await ground.rows() if row.final}
    for key, before in trace.final.items():
        after = rows.get(key)
        if after is not before and after != before and after is not None:
            trace.changed.append((before, after))
    trace.final.update(rows)
