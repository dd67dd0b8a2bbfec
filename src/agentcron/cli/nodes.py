"""The command that shows which processes run jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.session import Session, command
from agentcron.cli.words import plain, when
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.queries import ExecutionFilters, Node
from agentcron.wire import node_object

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

_NAMED: Final = 3
_MOST: Final = 10_000
_RUNNING: Final = [ExecutionStatus.RUNNING]


@command("nodes")
@click.option("--all", "everyone", is_flag=True, help="Those that have stopped, too.")
def nodes_command(session: Session, everyone: bool) -> None:
    """Which processes run jobs of this store, the latest start first: host, version, how long each is believed without
    a sign of life, and what it runs.

    Example: agentcron nodes --store postgresql://me@db.example/jobs
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[list[Node], dict[str, list[Execution]], dict[str, str]]:
        nodes = [node for node in await plugin.get_nodes() if everyone or node.alive]
        running = defaultdict[str, list[Execution]](list)
        for row in (await plugin.list_executions(ExecutionFilters(statuses=_RUNNING), _MOST)).items:
            running[row.owner or ""].append(row)
        found = [await plugin.get_job(key) for key in {row.job_id for rows in running.values() for row in rows}]
        return nodes, running, {job.id: job.name for job in found if job is not None}

    nodes, running, names = session.call(work)

    def text() -> str:
        rows = [_row(node, running.get(node.id, ()), names, session.zone) for node in nodes]
        none = "no scheduler is running on this store; start one with 'agentcron start'"
        return session.table(("NODE", "HOST", "PID", "VERSION", "UP SINCE", "STATE", "RUNS"), rows, none)

    def value(node: Node) -> dict[str, Any]:
        rows = running.get(node.id, ())
        runs = [{"id": row.id, "job_id": row.job_id, "job": names.get(row.job_id)} for row in rows]
        return {**node_object(node), "running": runs}

    session.emit([value(node) for node in nodes], text)


def _row(node: Node, rows: Sequence[Execution], names: Mapping[str, str], zone: str) -> tuple[str, ...]:
    shown = [plain(names.get(row.job_id, row.job_id)) for row in rows[:_NAMED]]
    if len(rows) > _NAMED:
        shown.append(f"{len(rows) - _NAMED} more")
    since = when(node.started_at, zone)
    return node.id, plain(node.host), str(node.pid), node.version, since, _state(node, zone), ", ".join(shown)


def _state(node: Node, zone: str) -> str:
    if node.stopped_at is not None:
        return f"stopped {when(node.stopped_at, zone)}"
    if not node.alive:
        return f"gone, last seen {when(node.seen_at, zone)}"
    return "alive" if node.lease_until is None else f"alive, leased until {when(node.lease_until, zone)}"
