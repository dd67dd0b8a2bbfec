"""How jobs and executions move between any store and a folder in the original plugin's layout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import ExecutionFilters, JobFilters
from agentcron.domain.spec import DEFAULT_AGENT
from agentcron.domain.statistics import Totals
from agentcron.errors import ConfigError, ConflictError, StoreError, StoreUnavailable
from agentcron.ports import JobStore
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.json_files.files import Folder, folder_of

# So many jobs go into one write at most, and no more once they have a page of executions.
_AT_ONCE: Final = 1000
_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved: how many ``jobs`` with how many ``executions``.

    ``known`` are the ids of the jobs that the target had already; they and their executions are left as they are.
    ``problems`` are what could not be read, a line each.
    """

    jobs: int = 0
    executions: int = 0
    known: Sequence[str] = ()
    problems: Sequence[str] = ()


def folder_with_jobs(directory: str | Path) -> Folder:
    """The folder that can be read from. Raises ``StoreUnavailable`` where there is none or it holds no jobs."""
    folder = folder_of(directory)
    if not folder.path.is_dir():
        raise StoreUnavailable(f"{folder.path}: there is no such folder; name the one that holds background-jobs")
    if not any(path.exists() for path in (folder.jobs, folder.snapshot, folder.log)):
        raise StoreUnavailable(f"{folder.path}: there is no jobs.json in it; name the folder that the plugin wrote to")
    return folder


async def import_original(
    directory: str | Path, store: JobStore, *, timezone: str = "UTC", agent: str = DEFAULT_AGENT
) -> Moved:
    """Add the jobs and executions of a folder to ``store``, which is open. The folder's data stays as it is.

    ``timezone`` is the zone of jobs that name none, ``agent`` the definition that runs jobs that name none.
    Raises ``StoreUnavailable`` where the folder is missing or damaged as a whole, ``ConfigError`` where it is the store
    itself, and what ``store`` raises for a change; the message then says how many jobs were added before.
    """
    source = StorageFsPlugin(folder_with_jobs(directory).path, timezone=timezone)
    source.run_by(agent)
    _refuse_itself(source, store)
    await source.open()
    try:
        moved = await _copy(source, store)
        return replace(moved, problems=[*source.problems, *moved.problems])
    finally:
        await source.close()


async def export_original(store: JobStore, directory: str | Path) -> Moved:
    """Write the jobs and executions of ``store``, which is open, into a folder that the original can read.

    Jobs that the folder has already are left as they are. Raises ``ConflictError`` while a process writes there,
    ``StoreUnavailable`` where the files cannot be written, and ``ConfigError`` where the folder is the store itself.
    """
    target = StorageFsPlugin(directory)
    _refuse_itself(target, store)
    await target.open()
    try:
        moved = await _copy(store, target)
        # Told before the files are written whole: closing does that, and forgets.
        moved = replace(moved, problems=[*target.problems, *moved.problems])
    finally:
        await target.close()
    if target.problems:
        # What only the log holds is durable, and nothing that the original could read.
        raise StoreUnavailable(target.problems[-1])
    return moved


def _refuse_itself(folder: StorageFsPlugin, store: JobStore) -> None:
    if isinstance(store, StorageFsPlugin) and store.folder.path.resolve() == folder.folder.path.resolve():
        raise ConfigError(f"{folder.folder.path}: is the store itself; name another folder")


async def _copy(source: JobStore, target: JobStore) -> Moved:
    expected = (await source.statistics()).total_jobs
    empty = (await target.statistics()).total_jobs == 0
    moved, known = Moved(), list[str]()
    after: str | None = None
    while True:
        page = await source.list_jobs(JobFilters(), after=after, limit=_AT_ONCE)
        fresh: list[Job] = []
        for job in page.items:
            if empty or await target.get_job(job.id) is None:
                fresh.append(job)
            else:
                known.append(job.id)
        try:
            async for jobs, rows in _parts(source, fresh, target):
                added = await target.restore(jobs, rows)
                moved = replace(moved, jobs=moved.jobs + added, executions=moved.executions + len(rows))
        except (StoreError, ConflictError) as error:
            if not moved.jobs:
                raise
            before = f"{moved.jobs} jobs were moved before that; repeat it for the rest"
            raise type(error)(f"{error} ({before})") from error
        after = page.after
        if after is None:
            break
    unread = expected - moved.jobs - len(known)
    problem = f"{source.url}: {unread} of its jobs could not be read, left out; see 'agentcron doctor'"
    return replace(moved, known=known, problems=[problem] if unread > 0 else [])


async def _parts(
    source: JobStore, jobs: Sequence[Job], target: JobStore
) -> AsyncIterator[tuple[list[Job], list[Execution]]]:
    """The jobs with their executions, so many to a write."""
    some: list[Job] = []
    rows: list[Execution] = []
    for job in jobs:
        some.append(job)
        if _has_rows(job):
            rows += [row async for row in _rows(source, job, target)]
        if len(rows) >= _PAGE:
            yield some, rows
            some, rows = [], []
    if some:
        yield some, rows


def _has_rows(job: Job) -> bool:
    return job.open > 0 or job.last_run is not None or job.totals != Totals()


async def _taken(target: JobStore, execution_id: str) -> Execution | None:
    """The row of this id. One of the original may be how several others begin."""
    try:
        return await target.get_execution(execution_id)
    except ConflictError:
        return None


async def _rows(source: JobStore, job: Job, target: JobStore) -> AsyncIterator[Execution]:
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
            taken = await _taken(target, row.id)
            # Ids are unique in a store; the original may have numbered the runs of each folder or job.
            own = row.id if taken is None or taken.id != row.id else f"{job.id}-{row.id}"
            said = {"agent_id": _whole(row.agent_id), "error": _whole(row.error)}
            yield row.evolve(id=own, prompt=prompt, result=row.result or None, **said)


def _whole(text: str | None) -> str | None:
    """The text with a question mark for each half of a character, as it is left where JavaScript cuts inside an emoji:
    a store takes it in a prompt or a result only, and elsewhere it would keep every job out."""
    return None if text is None else text.encode("utf-8", "replace").decode()
