"""DBOS in this process: one instance, made here or taken over from the application, and the one workflow on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from dbos import DBOS, DBOSConfig, EnqueueOptions, Serializer, WorkflowStatus

T = TypeVar("T")

# Names that are stored: another one would strand what waits.
NAME: Final = "agentcron"
QUEUE: Final = "agentcron"
WORKFLOW: Final = "agentcron.run"
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

    async def launch(self, execute: Execute, places: int, everywhere: int | None) -> None:
        """Make DBOS work here, unless the application has done so, and listen to the queue."""
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
        await self.call(
            lambda: DBOS.register_queue(
                QUEUE,
                worker_concurrency=min(places, everywhere or places),
                global_concurrency=everywhere,
                polling_interval_sec=POLL,
                on_conflict="always_update",
            )
        )

    async def leave(self) -> None:
        """Run nothing more; an instance of the application goes on without the queue's runs."""
        _RUNNERS.pop(_KEY, None)
        if self._ours:
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
            lambda: DBOS.list_workflows(name=WORKFLOW, status="PENDING", load_input=False, load_output=False)
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


@DBOS.workflow(name=WORKFLOW)
async def _run(execution_id: str) -> None:
    execute, workflow_id = _RUNNERS.get(_KEY), DBOS.workflow_id
    again = await execute(execution_id) if execute is not None else True
    if again and workflow_id is not None:
        # One that has succeeded is never run again; one that was cancelled can be resumed, on any node.
        await asyncio.get_running_loop().run_in_executor(None, lambda: DBOS.cancel_workflows([workflow_id]))
