"""Can each endpoint be used as things are now? Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentcron.cli.doctor import Finding
from agentcron.config import Config
from agentcron.errors import AgentcronError


def endpoint_findings(config: Config) -> Iterator[Finding]:
    """Its keys, the references to its secrets, its program, its library; and the heartbeat of the scheduler."""
    if config.endpoints:
        from agentcron.delivery.endpoints import read_all
    beating: set[str] = set()
    for name, table in config.endpoints.items():
        try:
            found = read_all({name: table}, base_dir=config.base_dir)
            beating |= found.heartbeats.keys()
            made: list[Any] = [*found.senders.values(), *found.heartbeats.values()]
            for one in made:
                one.check()
        except AgentcronError as error:
            detail = str(error).removeprefix(f"endpoints.{name}: ")
            yield _finding(name, "fail", detail, "correct it, or set what it points to, where agentcron runs")
        else:
            yield _finding(name, "ok", str(table["kind"]))
    own = config.heartbeat.value
    if own is not None and own not in beating:
        detail = f"scheduler.heartbeat: there is no usable endpoint {own!r} of kind heartbeat"
        yield _finding(own, "fail", detail, f'[endpoints.{own}] with kind = "heartbeat"')


def _finding(name: str, verdict: str, detail: str, fix: str = "") -> Finding:
    return Finding(check=f"endpoint {name}", verdict=verdict, detail=detail, fix=fix, where=f"endpoints.{name}")
