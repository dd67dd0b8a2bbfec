"""Letters that were given up: told with what to do, and tried afresh by who mended it."""

from __future__ import annotations

import logging
from datetime import timedelta

import click
import pytest

from agentcron.cli import cli
from agentcron.delivery.message import DeliveryError
from agentcron.domain.letters import LetterStatus
from agentcron.errors import ConflictError
from tests.outbox.conftest import Bench

REFUSED = DeliveryError("410 Gone", retryable=False)


async def test_what_is_given_up_is_told_with_a_command_that_there_is(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.job(notify="ops: success")
    bench.ops.errors.append(REFUSED)
    with caplog.at_level(logging.ERROR, "test"):
        await bench.slot("done")
    [letter] = await bench.letters()
    [line] = [record.getMessage() for record in caplog.records]
    assert f"given up after 1 tries: 410 Gone; once it is mended: agentcron resend {letter.id}" in line
    assert cli.get_command(click.Context(cli), "resend") is not None


async def test_a_receiver_that_never_takes_it_has_about_a_day(stored: Bench) -> None:
    await stored.job(notify="ops: success", max_runs=1)
    stored.ops.errors.extend(DeliveryError("503 down", retryable=True) for _ in range(99))
    await stored.slot("done")
    begun = stored.clock.now()
    while (letter := (await stored.letters())[0]).status is LetterStatus.PENDING:
        assert letter.wake_at is not None
        stored.clock.set(letter.wake_at)
        await stored.plugin.force_evaluation()
    assert (letter.status, letter.tries, letter.error) == (LetterStatus.FAILED, 32, "503 down")
    assert timedelta(hours=20) < stored.clock.now() - begun < timedelta(hours=30)
    assert len(stored.ops.tried) == 32


async def test_one_that_is_tried_afresh_keeps_its_id_and_its_words_and_runs_no_agent(stored: Bench) -> None:
    await stored.job(notify="ops: success")
    stored.ops.errors.append(REFUSED)
    run = await stored.slot("done")
    [given_up] = await stored.letters()
    assert (given_up.status, given_up.error) == (LetterStatus.FAILED, "410 Gone")
    again = await stored.plugin.retry_letter(given_up.id[:6])
    assert (again.id, again.status, again.tries, again.error) == (given_up.id, LetterStatus.PENDING, 0, None)
    await stored.plugin.force_evaluation()
    first, second = stored.ops.tried
    assert first == second
    [sent] = await stored.letters()
    assert (sent.status, sent.tries) == (LetterStatus.SENT, 1)
    assert [one.id for one in await stored.plugin.get_executions(stored.job_id)] == [run.id]
    with pytest.raises(ConflictError, match="was not given up"):
        await stored.plugin.retry_letter(sent.id)
