"""DBOS in this process: one instance, made here or taken over from the application, and the one workflow on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, TypeVar

from dbos import DBOS, DBOSConfig, EnqueueOptions, Serializer, SetWorkflowID, WorkflowStatus

from agentcron.domain.rate import Rate

T = TypeVar("T")

# Names that are stored: another one would strand what waits.
NAME: Final = "agentcron"
QUEUE: Final = "agentcron"
WORKFLOW: Final = "agentcron.run"
WORKFLOW_HERE: Final = "agentcron.run_here"
_OURS: Final = [WORKFLOW, WORKFLOW_HERE]
# DBOS would take a hash of the code, and leave what waits behind with every release. To be raised only where the
# order of steps within a run changes; what runs then is to end first.
VERSION: Final = "agentcron-1"
SCHEMA: Final = "agentcron_dbos"
# How often the queue is looked at: half of it is what a run waits on average.
POLL: Final = 0.2
# DBOS takes 1 to 2**31 - 1, and 0 for what has none.
_MIDDLE: Final = 2**30

Execute = Callable[[str], Awaitable[bool]]
"""Runs an execution; answers whether it is to be offered again."""


class JsonSerializer(Serializer):
    """JSON: with what DBOS takes otherwise, whoever can write the database can run code in the nodes."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, ensure_ascii=False, default=str)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "agentcron_json"


class Instance:
    """The process's DBOS, as far as the engine uses it."""

    def __init__(self, url: str, node: str) -> None:
        self._url = url
        self._node = node
        self._ours = False

    async def launch(self, execute: Execute) -> None:
        """Make DBOS work here, unless the application has done so; what its queue hands over goes to ``execute``."""
        _RUNNERS[_KEY] = execute
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": self._url,
            "dbos_system_schema": SCHEMA,
            "application_version": VERSION,
            "executor_id": self._node,
            "serializer": JsonSerializer(),
            # What a given-back run looks like to DBOS, an error with its traceback, is nothing to tell.
            "log_level": "CRITICAL",
            "enable_otlp": False,
        }
        # Answers the application's instance where there is one, and leaves its settings as they are.
        DBOS(config=config)
        self._ours = DBOS.executor_id == self._node
        if self._ours:
            # In the running loop: agents would run in a loop of DBOS's own otherwise.
            DBOS.launch()

    async def listen(self, places: int, everywhere: int | None, rate: Rate | None) -> None:
        """Take from the queue, within these limits."""
        await self.call(
            lambda: DBOS.register_queue(
                QUEUE,
                worker_concurrency=min(places, everywhere or places),
                global_concurrency=everywhere,
                limiter={"limit": rate.starts, "period": rate.period.total_seconds()} if rate is not None else None,
                polling_interval_sec=POLL,
                on_conflict="always_update",
            )
        )

    async def run(self, workflow_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work here, at once, as a workflow of this name."""
        _WORK[workflow_id] = work
        try:
            with SetWorkflowID(workflow_id):
                await _run_here(workflow_id)
        finally:
            _WORK.pop(workflow_id, None)

    async def forget(self, before: datetime) -> None:
        """Delete what ended before then."""
        found = await self.call(
            lambda: DBOS.list_workflows(
                name=_OURS, status=["SUCCESS", "ERROR", "CANCELLED"],
                completed_before=before.isoformat(), limit=1000, load_input=False, load_output=False,
            )
        )  # fmt: skip
        if found:
            await self.call(lambda: DBOS.delete_workflows([one.workflow_id for one in found]))

    async def leave(self) -> None:
        """Run nothing more; an instance of the application goes on without the queue's runs."""
        _RUNNERS.pop(_KEY, None)
        if self._ours:
            # DBOS made the loop's threads its own, and takes them with it; the application needs some to go on.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
            await self.call(DBOS.destroy)
            self._ours = False

    async def find(self, workflow_ids: Sequence[str]) -> dict[str, WorkflowStatus]:
        """What DBOS knows of these."""
        found = await self.call(
            lambda: DBOS.list_workflows(workflow_ids=list(workflow_ids), load_input=False, load_output=False)
        )
        return {one.workflow_id: one for one in found}

    async def under_way(self) -> list[WorkflowStatus]:
        """What DBOS takes for running, on whichever node."""
        return await self.call(
            lambda: DBOS.list_workflows(
                name=[WORKFLOW, WORKFLOW_HERE], status="PENDING", load_input=False, load_output=False
            )
        )

    async def enqueue(self, workflow_id: str, execution_id: str, priority: int) -> None:
        """Put it into the queue; one that is known already stays as it is."""
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": workflow_id,
            "priority": min(max(priority + _MIDDLE, 1), 2**31 - 1),
        }
        await self.call(lambda: DBOS.enqueue_workflow_with_options(options, execution_id))

    async def resume(self, workflow_ids: Sequence[str]) -> None:
        """Put these back into the queue, with what they have finished. Without the name DBOS would use a queue of its
        own, which knows no limits."""
        await self.call(lambda: DBOS.resume_workflows(list(workflow_ids), queue_name=QUEUE))

    async def cancel(self, workflow_ids: Sequence[str]) -> None:
        """Take these for ended; they can be resumed."""
        await self.call(lambda: DBOS.cancel_workflows(list(workflow_ids)))

    async def call(self, ask: Callable[[], T]) -> T:
        """Ask DBOS on a thread, outside of any workflow: within one every question would be recorded as a step."""
        return await asyncio.get_running_loop().run_in_executor(None, ask)


_KEY: Final = "execute"
_RUNNERS: dict[str, Execute] = {}
_WORK: dict[str, Callable[[], Awaitable[None]]] = {}


@DBOS.workflow(name=WORKFLOW_HERE)
async def _run_here(workflow_id: str) -> None:
    # Without its work it was taken up elsewhere: its row goes on under another name.
    if (work := _WORK.pop(workflow_id, None)) is not None:
        await work()


@DBOS.workflow(name=WORKFLOW)
async def _run(execution_id: str) -> None:
    execute, workflow_id = _RUNNERS.get(_KEY), DBOS.workflow_id
    again = await execute(execution_id) if execute is not None else True
    if again and workflow_id is not None:
        # One that has succeeded is never run again; one that was cancelled can be resumed, on any node.
        await asyncio.get_running_loop().run_in_executor(None, lambda: DBOS.cancel_workflows([workflow_id]))
