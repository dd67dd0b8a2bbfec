"""How a copy of the folder is taken: the state at one moment, written as files of its own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from agentcron.errors import StoreUnavailable
from agentcron.storage.json_files.change import Ahead, copy
from agentcron.storage.json_files.files import Folder, folder_of
from agentcron.storage.json_files.jobs_file import JobsFile
from agentcron.storage.json_files.loading import Loaded, load
from agentcron.storage.json_files.log import Log
from agentcron.storage.json_files.projection import Projection
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.original import Unsaid
from agentcron.storage.placing import placing

if TYPE_CHECKING:
    from agentcron.storage.json_files.store import StorageFsPlugin


def moment(state: MemoryStorage, loaded: Loaded, projection: Projection | None, adopted: Collection[str]) -> Loaded:
    """The state, to go its own way, with what other programs wrote into its jobs and with its files' names."""
    objects, names = projection.found() if projection is not None else (loaded.jobs_file.objects, loaded.names)
    ahead = Ahead()
    copy(state, ahead)
    # Nothing runs in the copy: a scheduler that opens it must not end agents of the one that runs.
    ahead._processes.clear()
    jobs_file = JobsFile(objects=dict(objects), shape=loaded.jobs_file.shape)
    found = Loaded(state=ahead, jobs_file=jobs_file, adopted=set(adopted), names=dict(names), behind=True)
    found.stale_jobs = set(ahead._jobs)
    found.stale_rows = ahead._executions.keys() - found.adopted
    return found


async def back_up_closed(store: StorageFsPlugin, path: Path, overwrite: bool) -> int:
    """Copy a folder that is not open, without making it where it is missing."""
    if not store.folder.path.is_dir():
        raise StoreUnavailable(f"{store.folder.path}: there is no store to back up; name one with --store")
    await store.open()
    try:
        return await store.backup(path, overwrite=overwrite)
    finally:
        await store.close()


def back_up(found: Loaded, source: Folder, target: Path, *, overwrite: bool) -> int:
    """Write the moment as a folder, check it, and answer its size in bytes.

    Raises ``ConflictError`` and ``StoreUnavailable``.
    """
    names, found.names = found.names, {}
    with placing(target, store=source.path, overwrite=overwrite) as temporary:
        temporary.mkdir(mode=0o700)
        folder = folder_of(temporary)
        folder.path.mkdir(mode=0o700, exist_ok=True)
        folder.executions.mkdir(mode=0o700)
        for key in found.adopted & names.keys():
            # Another program's file: with whatever it holds that has no word here.
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(source.executions / names[key], folder.executions / names[key])
                found.names[key] = names[key]
        found.stale_rows |= found.adopted - found.names.keys()
        projection = Projection(folder, found)
        work = projection.gather(found.state, found.adopted, 0)
        log = Log(folder.log, 0)
        try:
            projection.write(work, log)
        finally:
            log.close()
        again = load(folder, Unsaid())
        if again.problems or len(again.state._executions) != len(found.state._executions):
            raise StoreUnavailable(f"{target}: the copy cannot be read ({'; '.join(again.problems)}); try again")
        return sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())
