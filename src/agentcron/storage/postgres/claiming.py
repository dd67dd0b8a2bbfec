"""Who gets which rows: batches of the line, each node its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from agentcron.domain.budgets import is_bounded
from agentcron.domain.findings import Findings
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.queues import ClaimLimits, Room
from agentcron.domain.spec import JobSpec, looks_first
from agentcron.storage import rows
from agentcron.storage.findings import findings_text
from agentcron.storage.postgres.database import Row, Transaction
from agentcron.storage.postgres.specs import Wanted
from agentcron.storage.rows import to_us
from agentcron.storage.specs import Key

Specs = Callable[[Transaction, Collection[Wanted]], Awaitable[Mapping[Key, JobSpec | ValueError]]]
"""The specs of these versions of jobs, or why this release cannot read one."""


async def claim(
    tx: Transaction,
    owner: str,
    now: datetime,
    limit: int,
    ids: Collection[str] | None,
    begin: bool,
    caught_up: int | None,
    specs_of: Specs,
    apart: Collection[str],
    limits: ClaimLimits | None = None,
) -> list[Execution]:
    """Take up to ``limit`` ready rows."""
    room = await _room(tx, limits) if limits is not None else None
    values: dict[str, Any] = {"now": to_us(now), "limit": limit, "full": []}
    if room is not None:
        values |= {"limit": room.within(limit), "full": room.full}
        if not values["limit"]:
            return []
    if ids is not None:
        values["ids"] = list(ids)
    claimed: list[Execution] = []
    chosen: list[tuple[int, int, int, bool]] = []
    left = limit if caught_up is None else caught_up
    for row, spec in await _ready(tx, values, specs_of):
        found = rows.execution(row)
        if found.caught_up:
            # They stand behind all others in the order, so none is passed over for them.
            left -= 1
            if left < 0:
                break
        if room is not None and not room.take(spec):
            continue
        begins = begin and not is_bounded(spec, apart) and (found.begun or not looks_first(spec))
        wake_at = now + spec.timeout + CLOSE_GRACE
        chosen.append((row[0], row[27], to_us(wake_at), begins))
        claimed.append(
            found.evolve(
                status=ExecutionStatus.RUNNING,
                owner=owner,
                fence=found.fence + 1,
                wake_at=wake_at,
                begun=found.begun or begins,
                start_time=now if begins else found.start_time,
            )
        )
    if chosen:
        await _take(tx, chosen, owner, to_us(now))
    if limits is not None and limits.rate is not None and chosen:
        tx.write("starts_note", {"count": len(chosen)})
    return claimed


async def _ready(tx: Transaction, values: Mapping[str, Any], specs_of: Specs) -> list[tuple[Row, JobSpec]]:
    """The rows that are ready, with their specs. One whose job this release cannot read is left to a release that can:
    it takes no place, or as many of them as there are places would keep all others waiting for ever."""
    name, limit, unread = "executions_claimable_ids" if "ids" in values else "executions_claimable", values["limit"], 0
    while True:
        taken = await tx.all(name, **{**values, "limit": limit + unread})
        if not taken:
            return []
        ready = await tx.all("executions_of", seqs=[row[0] for row in taken])
        specs = await specs_of(tx, {(row[2], row[27], row[3]) for row in ready})
        found = [(row, spec) for row in ready if isinstance(spec := specs.get((row[27], row[3])), JobSpec)]
        passed_over = len(taken) - len(found)
        if passed_over == unread or len(taken) < limit + unread:
            return found
        unread = passed_over


async def _room(tx: Transaction, limits: ClaimLimits) -> Room:
    """What the limits leave. Whoever asks is alone with them until what it took is committed."""
    tx.write("scope_lock", {"scope": "limits"})
    running = dict(await tx.all("queues_running"))
    started = 0
    if limits.rate is not None:
        period = limits.rate.period.total_seconds()
        tx.write("starts_forget", {"period": period})
        started = (await tx.one("starts_count", period=period))[0]
    return Room(limits, running, started)


async def _take(tx: Transaction, chosen: Sequence[Row], owner: str, now: int) -> None:
    seqs, jobs, wakes, begins = (list(column) for column in zip(*chosen, strict=True))
    tx.write("jobs_lock_numbers", {"seqs": jobs})
    tx.write("executions_claim", {"seqs": seqs, "wakes": wakes, "begins": begins, "owner": owner, "now": now})
    tx.write("jobs_claimed", {"jobs": jobs, "begins": begins, "now": now})


async def begin(tx: Transaction, execution_id: str, fence: int, now: datetime, findings: Findings | None) -> bool:
    """Record that the attempt begins."""
    found = findings_text(findings) if findings is not None else None
    begun = await tx.one("execution_begin", id=execution_id, fence=fence, now=to_us(now), findings=found)
    if begun is None:
        return False
    tx.write("job_begun", {"job": begun[0], "now": to_us(now)})
    return True
