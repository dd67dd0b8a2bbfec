"""The JSON folder: which of its files a method of ``JobStore`` reads, and when a change is durable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

from agentcron import observability
from agentcron.domain.budgets import Claim, Verdict
from agentcron.domain.findings import Findings
from agentcron.domain.inputs import Given
from agentcron.domain.letters import Letter
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan
from agentcron.domain.queries import Node
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.retention import Pruned, Retention
from agentcron.domain.settling import Settlement
from agentcron.errors import StoreError, StoreUnavailable
from agentcron.journal import Step
from agentcron.storage.json_files.backup import back_up, back_up_closed, moment
from agentcron.storage.json_files.change import Ahead, Change, Waiting, apply, copy
from agentcron.storage.json_files.files import explain, folder_of
from agentcron.storage.json_files.loading import Loaded, load
from agentcron.storage.json_files.lock import WriterLock
from agentcron.storage.json_files.log import Log
from agentcron.storage.json_files.projection import Projection
from agentcron.storage.locks import NodeLocks
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.original import Unsaid

T = TypeVar("T")
# Up to so many jobs the files are rewritten after each change; above, at most once a second.
SMALL: Final = 200
PAUSE: Final = 1.0
NAME: Final = "storage"


class StorageFsPlugin(MemoryStorage):
    """Jobs and executions in a folder of JSON files, laid out as the original plugin's.

    ``directory`` holds the folder ``background-jobs``, or is it. ``timezone`` is the zone of jobs that name none: the
    original's files have none. Everything is held in memory; one process writes, others read.
    Raises ``StoreUnavailable``, naming the path, and ``ConflictError`` for a change while another process writes.
    """

    def __init__(self, directory: str | Path, *, timezone: str = "UTC") -> None:
        super().__init__()
        self.folder = folder_of(directory)
        self._directory = Path(directory).expanduser().absolute()
        self._unsaid = Unsaid(timezone=timezone)
        self._lock = WriterLock(self.folder.lock)
        self._node_locks = NodeLocks(self.folder.nodes)
        self._loaded: Loaded | None = None
        self._ahead = Ahead()
        self._adopted: set[str] = set()
        self._log: Log | None = None
        self._projection: Projection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._queue: list[Waiting] = []
        self._in_flight: Sequence[Waiting] = ()
        self._writing: asyncio.Task[None] | None = None
        self._projecting: asyncio.Task[None] | None = None
        self._lines = 0
        self._fault: str | None = None
        self._told: set[str] = set()
        self._said = observability.Log(observability.get_logger(), NAME)

    def log_to(self, logger: logging.Logger) -> None:
        """Send every line there from now on."""
        self._said = observability.Log(logger, NAME)

    def run_by(self, agent: str) -> None:
        """Jobs that name no agent, as the original's, are run by this definition where the store is opened later."""
        self._unsaid = replace(self._unsaid, agent=agent)

    @property
    def url(self) -> str:
        return f"fs:{self._directory}"

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with the folder, a line each: damage that was set aside, edits not taken, files behind."""
        found = [*self.damage, *self._loaded.notes] if self._loaded is not None else []
        found += self._projection.problems if self._projection is not None else []
        return [*found, self._fault] if self._fault else found

    @property
    def damage(self) -> Sequence[str]:
        """Those of the problems that are damage: jobs, executions or changes that could not be read."""
        return self._loaded.problems if self._loaded is not None else ()

    async def open(self) -> None:
        if self._loaded is not None:
            return
        try:
            self.folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, self.folder.path) from error
        self._load()

    async def close(self) -> None:
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if self._projecting is not None:
            self._projecting.cancel()
            await asyncio.wait([self._projecting])
        try:
            if self._projection is not None and self._projection.behind:
                await self._project()
        finally:
            if self._thread is not None:
                self._thread.shutdown()
            if self._log is not None:
                self._log.close()
            for node in [node.id for node in self._nodes.values() if node.alive]:
                self._node_locks.release(node)
            self._lock.release()
            self._loaded = self._log = self._projection = self._thread = self._writing = self._projecting = None

    # --- reading --------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        found = self._loaded = load(self.folder, self._unsaid)
        self._ahead, self._adopted = found.state, found.adopted
        copy(self._ahead, self)
        for problem in (*found.problems, *found.notes):
            if problem not in self._told:
                self._told.add(problem)
                self._said.error(problem)

    def _refresh(self) -> None:
        """A process that does not write looks whether the one that does has been at work."""
        if self._loaded is None:
            raise StoreUnavailable(f"{self.folder.path}: the store is closed; open it first")
        if not self._lock.held and self.folder.marks() != self._loaded.marks:
            try:
                self._load()
            except StoreError as error:
                self._fault = f"{error}; what was read before is still shown"

    async def nodes(self) -> Sequence[Node]:
        self._refresh()
        return [
            node if node.alive else replace(node, alive=node.stopped_at is None and self._node_locks.held(node.id))
            for node in await super().nodes()
        ]

    async def backup(self, path: Path, *, overwrite: bool = False) -> int:
        if self._loaded is None:
            apart = StorageFsPlugin(self._directory)
            apart._unsaid = self._unsaid
            return await back_up_closed(apart, path, overwrite)
        self._refresh()
        found = moment(self, self._loaded, self._projection, self._adopted)
        return await asyncio.to_thread(back_up, found, self.folder, path, overwrite=overwrite)

    # --- changing -------------------------------------------------------------------------------------------------

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        return await self._change(lambda ahead: ahead.commit(plans))

    async def restore(self, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
        return await self._change(lambda ahead: ahead.restore(jobs, executions))

    async def commit_and_claim(
        self,
        plans: Sequence[Plan],
        owner: str,
        now: datetime,
        limit: int,
        *,
        caught_up: int,
        apart: Collection[str] = (),
    ) -> tuple[list[bool], list[Execution]]:
        return await self._change(
            lambda ahead: ahead.commit_and_claim(plans, owner, now, limit, caught_up=caught_up, apart=apart)
        )

    async def claim(
        self,
        owner: str,
        now: datetime,
        limit: int,
        *,
        ids: Collection[str] | None = None,
        begin: bool = False,
        caught_up: int | None = None,
        apart: Collection[str] = (),
        limits: ClaimLimits | None = None,
    ) -> list[Execution]:
        return await self._change(
            lambda ahead: ahead.claim(
                owner, now, limit, ids=ids, begin=begin, caught_up=caught_up, apart=apart, limits=limits
            )
        )

    async def begin_within(
        self, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None = None
    ) -> Verdict | None:
        return await self._change(lambda ahead: ahead.begin_within(execution_id, fence, now, claim, agent))

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        return await self._change(lambda ahead: ahead.begin(execution_id, fence, now, findings))

    async def note_agent(self, execution_id: str, fence: int, agent_id: str, process: str | None = None) -> bool:
        return await self._change(lambda ahead: ahead.note_agent(execution_id, fence, agent_id, process))

    async def renew(self, execution_id: str, fence: int, wake_at: datetime) -> bool:
        return await self._change(lambda ahead: ahead.renew(execution_id, fence, wake_at))

    async def record_step(self, execution_id: str, fence: int, attempt: int, step: Step) -> bool:
        return await self._change(lambda ahead: ahead.record_step(execution_id, fence, attempt, step))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return await self._change(lambda ahead: ahead.settle(settlements))

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        return await self._change(lambda ahead: ahead.answer_input(input_id, given, now))

    async def take_letters(self, target: str, now: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        return await self._change(lambda ahead: ahead.take_letters(target, now, until, limit))

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        return await self._change(lambda ahead: ahead.mark_letter(before, after))

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        ids = list(execution_ids)
        return await self._change(lambda ahead: ahead.ask_cancel(ids, now))

    async def clear(self, now: datetime) -> int:
        return await self._change(lambda ahead: ahead.clear(now))

    async def prune(self, retention: Retention, now: datetime, *, after: str | None = None) -> Pruned:
        return await self._change(lambda ahead: ahead.prune(retention, now, after=after))

    async def join(self, node: Node) -> None:
        self._become_writer()
        with self._node_locks.holding(node.id):
            await self._change(lambda ahead: ahead.join(node))

    async def leave(self, node_id: str, now: datetime) -> None:
        await self._change(lambda ahead: ahead.leave(node_id, now))
        self._node_locks.release(node_id)

    def _become_writer(self) -> None:
        if self._loaded is None:
            raise StoreUnavailable(f"{self.folder.path}: the store is closed; open it first")
        if self._lock.held:
            return
        self._lock.acquire()
        try:
            if self.folder.marks() != self._loaded.marks:
                self._load()
            found = self._loaded
            log = Log(self.folder.log, found.log_length)
            self._lines = int(found.edits is not None)
            if found.edits is not None:
                log.append(f"[{found.edits.text()},{Change(jobs_json=found.jobs_file.sha).text()}]")
        except BaseException:
            self._lock.release()
            raise
        self._log, self._projection = log, Projection(self.folder, found)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agentcron-log")

    async def _change(self, unit: Callable[[MemoryStorage], Awaitable[T]]) -> T:
        """Make the change ahead, and answer once it is durable together with every one before it."""
        self._become_writer()
        try:
            # The reference store never gives way inside a method: no other change comes between.
            answer = await unit(self._ahead)
            change = self._ahead.taken()
            # Here and not with the group: what cannot be written as JSON is refused without its neighbours.
            text = change.text() if change is not None else ""
        except BaseException:
            self._rebuild_ahead()
            raise
        if change is None and not self._queue and (self._writing is None or self._writing.done()):
            return answer
        done = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(change, text, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done
        return answer

    def _rebuild_ahead(self) -> None:
        """What is durable and what is on its way there, without the change that went wrong."""
        ahead = Ahead(self)
        # They live no longer than the runs of this process, the only one that writes.
        ahead._reserved = {key: held for key, held in self._ahead._reserved.items() if key in self._executions}
        for waiting in [*self._in_flight, *self._queue]:
            if waiting.change is not None:
                apply(waiting.change, ahead)
        ahead.taken()
        self._ahead = ahead

    async def _write(self) -> None:
        """Write what is waiting, all of it in one line with one flush; again until nothing waits."""
        loop = asyncio.get_running_loop()
        log, projection = self._log, self._projection
        assert log is not None
        assert projection is not None
        while self._queue:
            group, self._queue = self._queue, []
            self._in_flight = group
            changes = [waiting.change for waiting in group if waiting.change is not None]
            try:
                if changes:
                    text = f"[{','.join(waiting.text for waiting in group if waiting.text)}]"
                    await loop.run_in_executor(self._thread, log.append, text)
            except Exception as error:
                self._refuse(group, error)
                continue
            # Counted here and not in the log: a line is in the state only now.
            self._lines += bool(changes)
            for change in changes:
                apply(change, self)
                projection.note(change)
            self._in_flight = ()
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_result(None)
        if projection.behind and (self._projecting is None or self._projecting.done()):
            self._projecting = asyncio.create_task(self._keep_projecting())

    def _refuse(self, group: Sequence[Waiting], error: Exception) -> None:
        """Nothing of the group is durable, and what waits behind it was made on top of it."""
        refused, self._queue, self._in_flight = [*group, *self._queue], [], ()
        self._rebuild_ahead()
        for waiting in refused:
            if not waiting.done.done():
                waiting.done.set_exception(type(error)(*error.args))

    # --- projections ----------------------------------------------------------------------------------------------

    async def _keep_projecting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._projection is not None and self._projection.behind:
            began = loop.time()
            # A cancel waits for the files: half a projection would be written beside the next one.
            work = asyncio.ensure_future(self._project())
            try:
                written = await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait([work])
                raise
            if not written:
                return
            if len(self._jobs) > SMALL:
                await asyncio.sleep(max(PAUSE, 4 * (loop.time() - began)))

    async def _project(self) -> bool:
        projection, log = self._projection, self._log
        assert projection is not None
        assert log is not None
        work = projection.gather(self, self._adopted, self._lines)
        try:
            await asyncio.to_thread(projection.write, work, log)
        except (OSError, StoreError) as error:
            projection.failed(work)
            why = error if isinstance(error, StoreError) else explain(error, self.folder.path)
            self._fault = f"{why}. The JSON files are behind the log; nothing is lost, they follow once writing works"
            self._said.error(self._fault)
            return False
        self._fault = None
        return True


def _refreshed(name: str) -> Any:
    read = getattr(MemoryStorage, name)

    @wraps(read)
    async def method(self: StorageFsPlugin, *args: Any, **options: Any) -> Any:
        self._refresh()
        return await read(self, *args, **options)

    return method


for _name in (
    "get_job", "get_spec", "find_jobs", "deleted_at", "list_jobs", "due", "ready_at", "process_of", "open_executions",
    "lapsed", "get_execution", "list_executions", "slot_at", "history_begins", "statistics", "usage",
    "load_steps", "list_inputs", "get_input", "latest_runs", "runs_between", "count_since", "quarters",
    "select_jobs", "jobs_of", "tags",
    "letters_due", "get_letter", "list_letters", "count_letters",
):  # fmt: skip
    setattr(StorageFsPlugin, _name, _refreshed(_name))
