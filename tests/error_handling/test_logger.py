"""A user's logger that fails costs its lines and nothing else."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from agentcron.testing import create_mock_agent_factory, create_test_environment


class Broken(logging.Logger):
    """Raises at every line, as one does whose handler lost its connection."""

    def __init__(self) -> None:
        super().__init__("broken", logging.DEBUG)
        self.asked = 0

    def handle(self, record: logging.LogRecord) -> None:
        self.asked += 1
        raise ConnectionError("the log server is gone")


class Refusing(logging.Logger):
    """No line even gets as far as a handler."""

    def __init__(self) -> None:
        super().__init__("refusing")
        self.asked = 0

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is the standard library's
        self.asked += 1
        raise RuntimeError("no levels here")


@pytest.mark.parametrize("kind", [Broken, Refusing])
@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
async def test_jobs_are_created_run_and_changed_although_the_logger_raises(
    kind: type[Any], debug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = kind()
    factory = create_mock_agent_factory("one", RuntimeError("boom"))
    async with create_test_environment(agent_factory=factory, logger=logger, debug=debug) as env:
        job_id = await env.plugin.create_job("job", "every 10s", "p")
        await env.plugin.start_background_execution()
        await env.advance(25)
        assert await env.plugin.pause_job(job_id)
        assert not await env.plugin.cancel_job("nobody")
        await env.plugin.stop_background_execution()
        assert [run.status for run in await env.runs(job_id)] == ["SUCCESS", "ERROR"]
    assert logger.asked > 0
    # Told once, where somebody may see it.
    assert capsys.readouterr().err.count("the logger fails") == 1
