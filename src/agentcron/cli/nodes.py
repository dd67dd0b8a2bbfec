"""The command that shows which processes run jobs."""

from __future__ import annotations

from typing import Final

import click

from agentcron.cli.session import Session, command
from agentcron.cli.words import when
from agentcron.domain.plain_text import plain
from agentcron.domain.queries import Node
from agentcron.nodes import Working, working_nodes, working_object

_NAMED: Final = 3


@command("nodes")
@click.option("--all", "everyone", is_flag=True, help="Those that have stopped, too.")
def nodes_command(session: Session, everyone: bool) -> None:
    """Which processes run jobs of this store, the latest start first: host, version, how long each is believed without
    a sign of life, and what it runs.

    Example: agentcron nodes --store postgresql://me@db.example/jobs
    """
    found = session.call(lambda plugin: working_nodes(plugin, everyone=everyone))

    def text() -> str:
        rows = [_row(one, session.zone) for one in found]
        none = "no scheduler is running on this store; start one with 'agentcron start'"
        columns = ("NODE", "HOST", "PID", "VERSION", "UP SINCE", "STATE", "RUNS")
        return session.table(columns, rows, none, spare=("VERSION", "UP SINCE", "PID"))

    session.emit([working_object(one) for one in found], text)


def _row(one: Working, zone: str) -> tuple[str, ...]:
    node, shown = one.node, [plain(name) for _, name in one.runs[:_NAMED]]
    if len(one.runs) > _NAMED:
        shown.append(f"{len(one.runs) - _NAMED} more")
    since = when(node.started_at, zone)
    return node.id, plain(node.host), str(node.pid), node.version, since, _state(node, zone), ", ".join(shown)


def _state(node: Node, zone: str) -> str:
    if node.stopped_at is not None:
        return f"stopped {when(node.stopped_at, zone)}"
    if not node.alive:
        return f"gone, last seen {when(node.seen_at, zone)}"
    return "alive" if node.lease_until is None else f"alive, leased until {when(node.lease_until, zone)}"
