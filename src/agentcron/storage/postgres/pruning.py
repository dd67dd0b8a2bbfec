"""Which rows a batch of pruning removes. Their space goes back to the server by its own vacuum.

A batch is small, so that no other change waits long for it. It walks the jobs for what is too old or too much, then
the rows from the oldest on while they are too large.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agentcron.domain.retention import Pruned, Retention
from agentcron.schedule.durations import duration_us
from agentcron.storage.postgres.database import Transaction
from agentcron.storage.rows import to_us

JOBS_AT_ONCE: Final = 50
ROWS_AT_ONCE: Final = 500
# So many jobs are looked through for those with a history that is long enough to prune.
_SPAN: Final = 20_000
# What a row takes with its indexes, beside its texts.
_ROW_BYTES: Final = 512


async def prune(tx: Transaction, retention: Retention, now: datetime, after: str | None) -> Pruned:
    """One batch; ``after`` is ``jobs:SEQ``, or ``size:SEQ:EXCESS`` with the bytes that are still too many."""
    what, _, place = (after or "jobs:0").partition(":")
    if after is None and retention.max_age is not None:
        tx.write("prune_old_letters", {"before": to_us(now - retention.max_age)})
    if what == "jobs":
        return await _old_and_many(tx, retention, to_us(now), int(place))
    seq, _, excess = place.partition(":")
    return await _too_large(tx, retention, int(seq), int(excess) if excess else None)


async def _old_and_many(tx: Transaction, retention: Retention, now: int, after: int) -> Pruned:
    age = retention.max_age
    cutoff = now - duration_us(age) if age is not None else 0
    keep = retention.keep_last
    jobs = await tx.all("prune_jobs", after=after, until=after + _SPAN, keep_last=keep, limit=JOBS_AT_ONCE)
    left = ROWS_AT_ONCE
    for job, ended in jobs:
        newest = await _place(tx, job, keep)
        many = retention.max_per_job
        over = await _place(tx, job, many) if many is not None and ended > many else None
        if newest is None:
            continue
        before = min(newest, max(cutoff, over or 0))
        gone = await tx.all("prune_rows_of_job", job=job, before=before, cutoff=cutoff, over=over or 0, limit=left)
        _remove(tx, [row[0] for row in gone])
        left -= len(gone)
        if left == 0:
            return Pruned(rows=ROWS_AT_ONCE, after=f"jobs:{job - 1}")
    rows = ROWS_AT_ONCE - left
    if len(jobs) == JOBS_AT_ONCE:
        return Pruned(rows=rows, after=f"jobs:{jobs[-1][0]}")
    last = (await tx.one("prune_last"))[0]
    return Pruned(rows=rows, after=f"jobs:{after + _SPAN}" if after + _SPAN < last else "size:0")


async def _place(tx: Transaction, job: int, number: int) -> int | None:
    """The ``at`` of the job's row of that number, counted from the newest."""
    found = await tx.one("prune_place", job=job, skip=number - 1)
    return found[0] if found else None


async def _too_large(tx: Transaction, retention: Retention, after: int, excess: int | None) -> Pruned:
    if excess is None:
        limit = retention.max_bytes
        excess = (await tx.one("bytes_used", row=_ROW_BYTES))[0] - limit if limit is not None else 0
    if excess <= 0:
        return Pruned(rows=0)
    seen = await tx.all("prune_oldest", after=after, keep_last=retention.keep_last, limit=ROWS_AT_ONCE)
    gone: list[int] = []
    for seq, spare, size in seen:
        after = seq
        if spare:
            gone.append(seq)
            excess -= size + _ROW_BYTES
            if excess <= 0:
                break
    _remove(tx, gone)
    return Pruned(rows=len(gone), after=f"size:{after}:{excess}" if seen and excess > 0 else None)


def _remove(tx: Transaction, seqs: list[int]) -> None:
    if seqs:
        tx.write("prune_letters", {"seqs": seqs})
        tx.write("prune_delete", {"seqs": seqs})
