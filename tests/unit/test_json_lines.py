"""A log for programs: each line is JSON and says which job and run it is about."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agentcron.observability import JsonLines
from agentcron.ports import RunContext
from agentcron.testing import create_test_environment


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    logger, kept = logging.getLogger("lines"), io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(JsonLines())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, kept
    logger.removeHandler(handler)


def lines(kept: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in kept.getvalue().splitlines()]


async def test_every_line_of_a_run_bears_its_ids_those_of_the_agents_code_too(
    logged: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, kept = logged

    async def work(prompt: str, context: RunContext) -> str:
        logger.warning("from the agent\nin two lines")
        return "done"

    async with create_test_environment(logger=logger) as env:
        env.agent_factory.then(work)
        env.agent_factory.fail_creation.append(OSError("not yet"))
        job_id = await env.plugin.create_job("report", "every 1h", "go")
        await env.plugin.start_background_execution()
        run = await env.plugin.run_job_now(job_id)
        await env.advance(3)
    told = lines(kept)
    of_run = [line for line in told if line.get("execution_id") == run]
    assert {line["job_id"] for line in of_run} == {job_id}
    for words in ("creating the agent failed", "from the agent\nin two lines", "SUCCESS"):
        assert any(words in line["message"] for line in of_run), words
    assert all(line["job_id"] == job_id for line in told if "report" in line["message"])
    assert set(told[0]) >= {"time", "level", "logger", "message"}
    assert told[0]["time"].endswith("Z")


def test_a_traceback_and_odd_characters_stay_in_one_line() -> None:
    try:
        raise ValueError("no\x1b[31m")
    except ValueError:
        told = sys.exc_info()
    # Made by hand: a captured line with half of a character in it cannot be sent to the process that collects reports.
    record = logging.LogRecord("lines", logging.ERROR, __file__, 1, "it %s\n%s", ("failed", "\ud800\u2028"), told)
    line = JsonLines().format(record)
    assert line.isascii()
    assert "\n" not in line
    read = json.loads(line)
    assert read["message"] == "it failed\n\ud800\u2028"
    assert "ValueError: no\x1b[31m" in read["error"]
