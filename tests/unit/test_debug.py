"""What a plugin tells, and where it arrives."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from agentcron.testing import Environment, create_test_environment


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def custom() -> Iterator[tuple[logging.Logger, Kept]]:
    logger, kept = logging.getLogger("custom"), Kept()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(kept)
    yield logger, kept
    logger.removeHandler(kept)
    logger.propagate = True


async def eventful(env: Environment) -> None:
    """Runs, a failure, a skipped slot, an outage, a refused change."""
    async with env:
        env.agent_factory.then("fine", ValueError("broken"))
        job_id = await env.plugin.create_job("tick", "every 1s", "hello", catch_up="all", misfire_grace="0s")
        await env.plugin.start_background_execution()
        await env.advance(2)
        await env.plugin.stop_background_execution()
        await env.clock.advance(timedelta(seconds=40))
        await env.plugin.start_background_execution()
        await env.clock.advance(timedelta(seconds=40))
        await env.plugin.cancel_job(job_id)
        await env.plugin.resume_job(job_id)


async def test_every_line_has_the_prefix_and_arrives_at_the_custom_logger_alone(
    custom: tuple[logging.Logger, Kept], capfd: pytest.CaptureFixture[str]
) -> None:
    logger, kept = custom
    elsewhere = Kept()
    logging.getLogger().addHandler(elsewhere)
    logging.getLogger("agentcron").setLevel(logging.DEBUG)
    try:
        await eventful(create_test_environment(logger=logger, debug=True))
    finally:
        logging.getLogger().removeHandler(elsewhere)
        logging.getLogger("agentcron").setLevel(logging.NOTSET)
    assert len(kept.lines) > 10
    assert [line for line in kept.lines if not line.startswith("[background-jobs] ")] == []
    assert {record.name for record in kept.records} == {"custom"}
    assert [record for record in elsewhere.records if record.name != "asyncio"] == []
    assert capfd.readouterr() == ("", "")


async def test_debug_tells_each_decision_with_its_reason(custom: tuple[logging.Logger, Kept]) -> None:
    logger, kept = custom
    await eventful(create_test_environment(logger=logger, debug=True))
    told = "\n".join(kept.lines)
    assert "to run 2026-01-01T00:00:01+00:00 (on time); next slot 2026-01-01T00:00:02+00:00" in told
    assert "late, catch_up = all)" in told
    assert "MISSED (coalesced)" in told
    assert "not resumed: tick" in told
    assert logging.DEBUG in {record.levelno for record in kept.records}
    assert logger.level == logging.INFO


async def test_without_debug_the_level_of_the_logger_decides(custom: tuple[logging.Logger, Kept]) -> None:
    logger, kept = custom
    await eventful(create_test_environment(logger=logger))
    assert kept.records != []
    assert not [record for record in kept.records if record.levelno < logging.INFO]
    kept.records.clear()
    logger.setLevel(logging.ERROR)
    await eventful(create_test_environment(logger=logger))
    assert not [record for record in kept.records if record.levelno < logging.ERROR]


async def test_debug_passes_the_level_and_not_the_handlers(custom: tuple[logging.Logger, Kept]) -> None:
    logger, kept = custom
    kept.setLevel(logging.WARNING)
    await eventful(create_test_environment(logger=logger, debug=True))
    assert {record.levelno for record in kept.records} <= {logging.WARNING, logging.ERROR}


async def test_debug_keeps_quiet_where_logging_is_disabled(custom: tuple[logging.Logger, Kept]) -> None:
    logger, kept = custom
    logging.disable(logging.CRITICAL)
    try:
        await eventful(create_test_environment(logger=logger, debug=True))
    finally:
        logging.disable(logging.NOTSET)
    assert kept.records == []
