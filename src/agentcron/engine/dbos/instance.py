"""DBOS in this process: one instance, made here or taken over from the application, and the one workflow on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, WorkflowStatus

T = TypeVar("T")

# Names that are stored: another one would strand what waits.
NAME: Final = "agentcron"
WORKFLOW: Final = "agentcron.run_here"
# DBOS would take a hash of the code, and leave what waits behind with every release. To be raised only where the
# order of steps within a run changes; what runs then is to end first.
VERSION: Final = "agentcron-1"
SCHEMA: Final = "agentcron_dbos"
# So many of what ended are deleted at once.
AT_ONCE: Final = 1000


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

    async def launch(self) -> None:
        """Make DBOS work here, unless the application has done so."""
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
        while True:
            ended = await self.call(
                lambda: DBOS.list_workflows(
                    name=WORKFLOW, status=["SUCCESS", "ERROR", "CANCELLED"],
                    completed_before=before.isoformat(), limit=AT_ONCE, load_input=False, load_output=False,
                )
            )  # fmt: skip
            ids = [one.workflow_id for one in ended]
            if ids:
                await self.call(partial(DBOS.delete_workflows, ids))
            if len(ids) < AT_ONCE:
                return

    async def leave(self) -> None:
        """Run nothing more; an instance of the application goes on."""
        if self._ours:
            # DBOS made the loop's threads its own, and takes them with it; the application needs some to go on.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
            await self.call(DBOS.destroy)
            self._ours = False

    async def under_way(self) -> list[WorkflowStatus]:
        """What DBOS takes for running, on whichever node."""
        return await self.call(
            lambda: DBOS.list_workflows(name=WORKFLOW, status="PENDING", load_input=False, load_output=False)
        )

    async def cancel(self, workflow_ids: Sequence[str]) -> None:
        """Take these for ended; they can be resumed."""
        await self.call(lambda: DBOS.cancel_workflows(list(workflow_ids)))

    async def call(self, ask: Callable[[], T]) -> T:
        """Ask DBOS on a thread, outside of any workflow: within one every question would be recorded as a step."""
        return await asyncio.get_running_loop().run_in_executor(None, ask)


_WORK: dict[str, Callable[[], Awaitable[None]]] = {}


@DBOS.workflow(name=WORKFLOW)
async def _run_here(workflow_id: str) -> None:
    # Without its work it was taken up elsewhere: its row goes on under another name.
    if (work := _WORK.pop(workflow_id, None)) is not None:
        await work()
