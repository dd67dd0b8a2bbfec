"""The runs of a scheduler that is gone, ended many at once: they write what ``settle`` writes for one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from agentcron.domain.durations import bucket_of
from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.settling import Settlement, Streak
from agentcron.storage.rows import maybe_us, to_us
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.writer import Transaction

_ACTIVE: Final = JobState.ACTIVE.value
_RUNNING: Final = ExecutionStatus.RUNNING.value


def is_cut(settlement: Settlement) -> bool:
    """Whether it ends a run and leaves nothing behind but why it ended: no answer, no bill, no further attempt."""
    before, after = settlement.before, settlement.after
    return (
        after.status is ExecutionStatus.INCOMPLETE
        and before.status is ExecutionStatus.RUNNING
        and settlement.streak is Streak.KEPT
        and not (settlement.closed_attempt or settlement.hold or settlement.steps_end or after.findings)
        and not (after.usage or after.result or after.prompt or after.conversation)
        and after.cost_usd is None
    )


def end_cut(tx: Transaction, cut: Mapping[str, Settlement]) -> set[str]:
    """End those that are held under their fence; answers which."""
    kept: set[str] = set()
    executions: list[tuple[Any, ...]] = []
    jobs: list[tuple[Any, ...]] = []
    looks: list[tuple[Any, ...]] = []
    lanes: list[dict[str, Any]] = []
    held = tx.execute(statement("executions_held"), (json.dumps(list(cut)),)).fetchall()
    for key, seq, job, fence, status, is_open, state, next_run, _ in held:
        settlement = cut[key]
        before, after, now = settlement.before, settlement.after, to_us(settlement.now)
        if fence != before.fence or status != _RUNNING:
            continue
        kept.add(key)
        end, began = maybe_us(after.end_time), maybe_us(after.start_time)
        took = end - began if end is not None and began is not None else None
        executions.append((after.reason, end, after.agent_id, after.error, seq))
        jobs.append((not before.manual, took or 0, job))
        if next_run is None and state == _ACTIVE:
            looks.append((now, job))
        if is_open > 1 and before.lane is not None:
            lanes.append({"lane": before.lane, "now": now})
        bucket = bucket_of(took) if took is not None else None
        tx.tally.add(settlement.scopes, now, after.status, duration_us=took or 0, bucket=bucket)
    for name, values in (
        ("executions_cut", executions),
        ("jobs_cut", jobs),
        ("jobs_look", looks),
        ("execution_pull", lanes),
    ):
        if values:
            tx.executemany(statement(name), values)
    return kept
