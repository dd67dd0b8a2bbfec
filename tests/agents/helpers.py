"""What the tests of agents share."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain.outcomes import AgentOutcome
from agentcron.ports import RunContext

CONTEXT = RunContext(
    job_id="JOB",
    job_name="a job",
    execution_id=f"EXECUTION-{os.getpid()}",  # what bears it may be ended, also by tests beside this one
    scheduled_for=None,
    attempt=1,
    timeout=timedelta(hours=1),
)


def context(**changes: Any) -> RunContext:
    return replace(CONTEXT, **changes)


def factory_of(definition: Mapping[str, Any] | str, **more: Any) -> AgentFactoryPlugin:
    return AgentFactoryPlugin({"it": definition}, **more)


async def answer_of(
    definition: Mapping[str, Any] | str, prompt: str = "the prompt", given: RunContext = CONTEXT, **more: Any
) -> AgentOutcome:
    """Make the agent, run it, close it."""
    agent = await factory_of(definition, **more).create("it", given)
    try:
        return await agent.run(prompt)
    finally:
        await agent.close()


def sh(script: str, **more: Any) -> dict[str, Any]:
    return {"kind": "command", "command": ["sh", "-c", script], **more}


async def until(true: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
    """Wait for a condition; fail with its name where it does not come about."""
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, f"never happened: {what}"
        await asyncio.sleep(0.01)


def pid_in(path: Path) -> int | None:
    """The pid that a process wrote into ``path``, once it is there in full."""
    try:
        text = path.read_text()
    except OSError:
        return None
    return int(text) if text.endswith("\n") else None


def lives(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
