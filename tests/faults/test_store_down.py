"""Slots that come due while the store fails: nothing is started, and once it works again every one is accounted for."""

from __future__ import annotations

import logging

import pytest

from agentcron import ExecutionStatus, StoreUnavailable
from agentcron.testing import MockStorage, create_test_environment

_E = ExecutionStatus
FAULT = StoreUnavailable("/srv/jobs.sqlite: the disk is full; free some space")


async def test_slots_of_a_fault_are_told_once_writing_works_again(caplog: pytest.LogCaptureFixture) -> None:
    storage = MockStorage()
    async with create_test_environment(storage_plugin=storage) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look")
        started = env.clock.now()
        await env.plugin.start_background_execution()
        await env.advance(120)
        with caplog.at_level(logging.INFO, "agentcron"):
            storage.failure = FAULT
            await env.advance(600)
            storage.failure = None
            await env.advance(60)
        rows = await env.runs(job_id, include_skipped=True)
        assert [(row.status, row.reason, row.slots) for row in rows][:2] == [(_E.SUCCESS, None, 1)] * 2
        missed = [row for row in rows if row.status is _E.MISSED]
        assert {row.reason for row in missed} == {"store_down"}
        # Each slot of the twelve and a half minutes lies in one row: those that ran and those that did not.
        assert sum(row.slots for row in rows) == (env.clock.now() - started).total_seconds() // 60
        assert sum(row.slots for row in missed) >= 8
        why = await env.plugin.explain(job_id, missed[0].at)
        assert "was missed" in why.sentence
        assert "the store could not be written then" in why.sentence
        told = [record.getMessage() for record in caplog.records]
        assert len([line for line in told if "the store fails, nothing is started" in line]) == 1
        assert len([line for line in told if "the store works again" in line]) == 1


async def test_a_fault_that_is_shorter_than_the_grace_loses_no_slot_that_can_still_run() -> None:
    storage = MockStorage()
    async with create_test_environment(storage_plugin=storage) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look")
        await env.plugin.start_background_execution()
        await env.advance(30)
        storage.failure = FAULT
        await env.advance(45)
        storage.failure = None
        await env.advance(2)
        assert [row.status for row in await env.runs(job_id, include_skipped=True)] == [_E.SUCCESS]


async def test_an_outage_of_the_scheduler_is_not_blamed_on_the_store() -> None:
    storage = MockStorage()
    async with create_test_environment(storage_plugin=storage) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look")
        await env.advance(600)
        await env.plugin.start_background_execution()
        await env.advance(1)
        rows = await env.runs(job_id, include_skipped=True)
        assert {row.reason for row in rows if row.status is _E.MISSED} == {"coalesced"}
