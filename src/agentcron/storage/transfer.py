"""How jobs and executions move between any store and a folder in the original plugin's layout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import ExecutionFilters, JobFilters
from agentcron.errors import StoreUnavailable
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.json_files.files import folder_of

# So many jobs go into one write.
_AT_ONCE: Final = 100
_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved: ``jobs`` added, ``known`` left out because their id was taken, and what could not be read."""

    jobs: int
    known: int
    problems: Sequence[str] = ()


async def import_original(directory: str | Path, store: JobStore, *, timezone: str = "UTC") -> Moved:
    """Add the jobs and executions of a folder to ``store``, which is open. The folder's data stays as it is.

    ``timezone`` is the zone of jobs that name none. Raises ``StoreUnavailable`` where the folder is missing or damaged
    as a whole.
    """
    folder = folder_of(directory)
    if not folder.path.is_dir():
        raise StoreUnavailable(f"{folder.path}: there is no such folder; name the one that holds background-jobs")
    source = StorageFsPlugin(directory, timezone=timezone)
    await source.open()
    try:
        jobs, known = await _copy(source, store)
        return Moved(jobs=jobs, known=known, problems=tuple(source.problems))
    finally:
        await source.close()


async def export_original(store: JobStore, directory: str | Path) -> Moved:
    """Write the jobs and executions of ``store``, which is open, into a folder that the original can read.

    Jobs that the folder has already are left as they are. Raises ``ConflictError`` while a process writes there.
    """
    target = StorageFsPlugin(directory)
    await target.open()
    try:
        jobs, known = await _copy(store, target)
        # Told before the files are written whole: closing does that, and forgets.
        problems = tuple(target.problems)
    finally:
        await target.close()
    return Moved(jobs=jobs, known=known, problems=problems)


async def _copy(source: JobStore, target: JobStore) -> tuple[int, int]:
    added = seen = 0
    after: str | None = None
    while True:
        page = await source.list_jobs(JobFilters(), after=after, limit=_AT_ONCE)
        rows = [row for job in page.items async for row in _rows(source, job)]
        added += await target.restore(page.items, rows)
        seen += len(page.items)
        after = page.after
        if after is None:
            return added, seen - added


async def _rows(source: JobStore, job: Job) -> AsyncIterator[Execution]:
    """The job's executions, oldest first, with everything that was said in them."""
    ids: list[str] = []
    before: str | None = None
    while True:
        page = await source.list_executions(ExecutionFilters(job_id=job.id, before=before, include_skipped=True), _PAGE)
        ids += [row.id for row in page.items]
        before = page.after
        if before is None:
            break
    for key in reversed(ids):
        row = await source.get_execution(key)
        if row is not None:
            prompt = None if row.prompt == job.prompt else row.prompt
            yield row.evolve(prompt=prompt, result=row.result or None)
