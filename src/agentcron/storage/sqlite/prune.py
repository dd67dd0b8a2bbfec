"""Which rows a batch of pruning removes, and how the file gives their space back.

A batch is small, so that no other change waits long for it. It walks the jobs for what is too old or too much, then
the rows from the oldest on while the file is too large, then returns free pages to the disk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from agentcron.domain.retention import Pruned, Retention
from agentcron.schedule.durations import duration_us
from agentcron.storage.rows import to_us
from agentcron.storage.sqlite.connection import statement
from agentcron.storage.sqlite.writer import Transaction

JOBS_AT_ONCE: Final = 50
ROWS_AT_ONCE: Final = 500
PAGES_AT_ONCE: Final = 500
# Free pages below this share of the file are left for the rows to come.
FREE_SHARE: Final = 4
# So many jobs are looked through for those with a history that is long enough to prune.
_SPAN: Final = 20_000
_ROW_BYTES: Final = 256


def prune(tx: Transaction, retention: Retention, now: datetime, after: str | None) -> Pruned:
    """One batch; ``after`` is ``jobs:SEQ``, ``size:SEQ`` or ``space:0``."""
    what, _, place = (after or "jobs:0").partition(":")
    if after is None and retention.max_age is not None:
        tx.execute(statement("prune_old_letters"), {"before": to_us(now - retention.max_age)})
    if what == "jobs":
        return _old_and_many(tx, retention, to_us(now), int(place))
    if what == "size":
        return _too_large(tx, retention, int(place))
    return _give_back(tx)


def _old_and_many(tx: Transaction, retention: Retention, now: int, after: int) -> Pruned:
    age = retention.max_age
    cutoff = now - duration_us(age) if age is not None else 0
    values = {"after": after, "until": after + _SPAN, "keep_last": retention.keep_last, "limit": JOBS_AT_ONCE}
    jobs = tx.execute(statement("prune_jobs"), values).fetchall()
    left = ROWS_AT_ONCE
    for job, ended in jobs:
        newest = _place(tx, job, retention.keep_last)
        many = retention.max_per_job
        over = _place(tx, job, many) if many is not None and ended > many else None
        if newest is None:
            continue
        gone = tx.execute(
            statement("prune_rows_of_job"),
            {
                "job": job,
                "before": min(newest, max(cutoff, over or 0)),
                "cutoff": cutoff,
                "over": over or 0,
                "limit": left,
            },
        ).fetchall()
        _remove(tx, [row[0] for row in gone])
        left -= len(gone)
        if left == 0:
            return Pruned(rows=ROWS_AT_ONCE, after=f"jobs:{job - 1}")
    rows = ROWS_AT_ONCE - left
    if len(jobs) == JOBS_AT_ONCE:
        return Pruned(rows=rows, after=f"jobs:{jobs[-1][0]}")
    last: int = tx.execute("SELECT coalesce(max(seq), 0) FROM jobs").fetchone()[0]
    return Pruned(rows=rows, after=f"jobs:{after + _SPAN}" if after + _SPAN < last else "size:0")


def _place(tx: Transaction, job: int, number: int) -> int | None:
    """The ``at`` of the job's row of that number, counted from the newest."""
    found = tx.execute(statement("prune_place"), {"job": job, "skip": number - 1}).fetchone()
    return found[0] if found else None


def _too_large(tx: Transaction, retention: Retention, after: int) -> Pruned:
    limit = retention.max_bytes
    excess = _used(tx) - limit if limit is not None else 0
    if excess <= 0:
        return Pruned(rows=0, after="space:0")
    values = {"after": after, "keep_last": retention.keep_last, "limit": ROWS_AT_ONCE}
    seen = tx.execute(statement("prune_oldest"), values).fetchall()
    gone: list[int] = []
    for seq, spare, size in seen:
        after = seq
        if spare:
            gone.append(seq)
            excess -= size + _ROW_BYTES
            if excess <= 0:
                break
    _remove(tx, gone)
    return Pruned(rows=len(gone), after=f"size:{after}" if seen else "space:0")


def _give_back(tx: Transaction) -> Pruned:
    """Return free pages to the disk, where the file was made to do so (``auto_vacuum``); VACUUM does it otherwise."""
    free, pages = _pragma(tx, "freelist_count"), _pragma(tx, "page_count")
    if free < PAGES_AT_ONCE or free * FREE_SHARE < pages:
        return Pruned(rows=0)
    tx.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
    return Pruned(rows=0, after="space:0" if _pragma(tx, "freelist_count") < free else None)


def _remove(tx: Transaction, seqs: Sequence[int]) -> None:
    if seqs:
        gone = {"seqs": json.dumps(seqs)}
        tx.execute(statement("prune_letters"), gone)
        tx.execute(statement("prune_delete"), gone)


def _used(tx: Transaction) -> int:
    return (_pragma(tx, "page_count") - _pragma(tx, "freelist_count")) * _pragma(tx, "page_size")


def _pragma(tx: Transaction, name: str) -> int:
    found: Any = tx.execute(f"PRAGMA {name}").fetchone()[0]
    return int(found)
