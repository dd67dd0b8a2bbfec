"""Which processes run jobs of a store, and what does each run?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.queries import ExecutionFilters, Node
from agentcron.wire import node_object

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A process, and what it runs: executions with the names of their jobs."""

    node: Node
    runs: Sequence[tuple[Execution, str]]


async def working_nodes(plugin: BackgroundJobsPlugin, *, everyone: bool) -> list[Working]:
    """Those that are alive, the latest start first; ``everyone``: those that have stopped or are gone as well."""
    nodes = [node for node in await plugin.get_nodes() if everyone or node.alive]
    by_owner = defaultdict[str, list[Execution]](list)
    for row in (await plugin.list_executions(ExecutionFilters(statuses=[ExecutionStatus.RUNNING]), _MOST)).items:
        by_owner[row.owner or ""].append(row)
    jobs = await plugin.jobs_of({row.job_id for node in nodes for row in by_owner.get(node.id, ())})

    def name(job_id: str) -> str:
        return jobs[job_id].name if job_id in jobs else job_id

    return [Working(node=node, runs=[(row, name(row.job_id)) for row in by_owner.get(node.id, ())]) for node in nodes]


def working_object(one: Working) -> dict[str, Any]:
    """A process and what it runs, as JSON."""
    running = [{"id": row.id, "job_id": row.job_id, "job": name} for row, name in one.runs]
    return {**node_object(one.node), "running": running}
