"""What is known of rows that were claimed: by which rules they run, and that nobody runs those without an answer."""

from __future__ import annotations

from collections.abc import Container

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import GivenBack
from agentcron.domain.settling import settle
from agentcron.domain.spec import JobSpec
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore


async def spec_of(store: JobStore, execution: Execution, log: Log) -> JobSpec | None:
    """The spec to run the row by; None where the job was deleted, or cannot be read."""
    try:
        return await store.get_spec(execution.job_id, execution.version)
    except ValueError as error:
        # One job that this release cannot read must not keep the others from running.
        log.error(
            f"{execution.id} is not begun, its job {execution.job_id} cannot be read: {error}", **ids_of(execution)
        )
        return None


def ids_of(execution: Execution) -> dict[str, str]:
    """What a line of the log says of where it belongs."""
    return {"job_id": execution.job_id, "execution_id": execution.id}


async def give_back(store: JobStore, node: str, known: Container[str], clock: Clock) -> None:
    """Return every row that the store holds for ours and that is not known here. A claim without an answer may have
    taken it: nobody began it, so it is asked of nobody."""
    now = clock.now()
    for row in await store.open_executions():
        if row.status is ExecutionStatus.RUNNING and row.owner == node and row.id not in known:
            spec = await store.get_spec(row.job_id, row.version)
            if spec is not None:
                await store.settle([settle(row, GivenBack(ready_at=now), now, spec)])


async def leave(store: JobStore, node: str, known: Container[str], clock: Clock, log: Log) -> None:
    """Give back before the node is gone: its rows would be taken for runs that were lost. A store that fails must not
    keep a process from ending."""
    try:
        await give_back(store, node, known, clock)
    except (StoreError, ValueError) as error:
        log.error(f"what was claimed and not begun is left to the next start: {error}")
