"""The command lets Python's collector look rarely; a host of the library keeps its own pace."""

from __future__ import annotations

import gc

import pytest

from agentcron import BackgroundJobsPlugin
from agentcron.testing import create_test_environment
from tests.cli.conftest import Command


async def test_a_scheduler_in_the_process_of_a_host_leaves_the_collector_alone() -> None:
    before, env = gc.get_threshold(), create_test_environment()
    await env.plugin.start_background_execution()
    try:
        assert gc.get_threshold() == before
    finally:
        await env.plugin.close()


def test_a_scheduler_in_the_foreground_collects_rarely_while_it_runs(
    agentcron: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, start, seen = gc.get_threshold(), BackgroundJobsPlugin.start_background_execution, list[int]()

    async def started(plugin: BackgroundJobsPlugin) -> None:
        seen.append(gc.get_threshold()[0])
        await start(plugin)

    monkeypatch.setattr(BackgroundJobsPlugin, "start_background_execution", started)
    assert agentcron("start", "--for", "10ms").code == 0
    assert seen[0] >= 10 * before[0]
    assert gc.get_threshold() == before
