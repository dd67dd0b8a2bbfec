"""How new jobs are written: those of a whole group in two statements, each one round through SQLite.

A statement a job gives the interpreter's lock away each time, and beside a busy event loop it takes milliseconds to
get it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from agentcron.domain.model import Job
from agentcron.storage.rows import job_values, spec_text
from agentcron.storage.sqlite.connection import statement

if TYPE_CHECKING:
    from agentcron.storage.sqlite.writer import Transaction

# So many characters of specs to a statement at most, unless one spec alone is longer.
_MOST: Final = 1 << 20
_FEW: Final = 3

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def insert_created(tx: Transaction) -> None:
    """Write the jobs that units of the group created. Raises ``sqlite3.IntegrityError`` where an id is taken."""
    created, tx.created = tx.created, []
    if len(created) <= _FEW:
        for job in created:
            seq = tx.execute(statement("job_insert"), job_values(job)).lastrowid
            assert seq is not None
            tx.learned[seq, job.version] = (job.id, job.spec)
            values = {"job": seq, "version": job.version, "spec": spec_text(job.spec)}
            tx.execute(statement("version_insert"), values)
        return
    numbers: dict[str, int] = {}
    for rows in _in_parts(created):
        values_of_all = _encode(rows)
        numbers.update(tx.execute(statement("jobs_insert"), (values_of_all,)).fetchall())
        tx.execute(statement("versions_insert"), (values_of_all,))
    for job in created:
        tx.learned[numbers[job.id], job.version] = (job.id, job.spec)


def _in_parts(jobs: Iterable[Job]) -> Iterator[list[list[Any]]]:
    part: list[list[Any]] = []
    size = 0
    for job in jobs:
        spec = spec_text(job.spec)
        size += len(spec)
        if part and size > _MOST:
            yield part
            part, size = [], len(spec)
        part.append([*job_values(job).values(), spec])
    yield part
