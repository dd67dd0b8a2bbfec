"""Who made a job, as the commands show it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin
from agentcron.scheduling_tools import scheduling_tools

from .conftest import Command


@pytest.mark.parametrize("store", ["jobs.sqlite", "fs:folder"])
def test_a_job_that_an_agent_made_says_so_for_good(agentcron: Command, tmp_path: Path, store: str) -> None:
    async def by_an_agent() -> None:
        factory = AgentFactoryPlugin(default_definition="echo")
        plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory)
        create: Any = scheduling_tools(plugin, "assis\x1b[2Jtant")[0]
        assert "error" not in await create("report", "0 9 * * *", "Write it", None)
        await plugin.close()

    asyncio.run(by_an_agent())
    shown = agentcron("show", "report", "--store", store)
    assert "by agent:assis\ufffd[2Jtant" in shown.out
    assert agentcron("edit", "report", "--prompt", "x", "--store", store).code == 0
    assert agentcron("list", "--json", "--store", store).json[0]["made_by"] == "agent:assis\x1b[2Jtant"
    agentcron("export", "original", "out", "--store", store)
    agentcron("import", "original", "out", "--store", "other.sqlite")
    assert agentcron("show", "report", "--json", "--store", "other.sqlite").json["made_by"] == "agent:assis\x1b[2Jtant"


def test_a_job_of_the_command_line_names_nobody_and_no_option_does(agentcron: Command, job: dict[str, Any]) -> None:
    assert job["made_by"] is None
    assert " by " not in next(line for line in agentcron("show", "report").out.splitlines() if "created" in line)
    for words in (["add", "x", "@daily", "p"], ["edit", "report"]):
        done = agentcron(*words, "--made-by", "me")
        assert (done.code, "--made-by" in done.err) == (2, True)
