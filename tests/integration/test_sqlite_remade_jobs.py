"""A job that another process deleted and made again is never taken for the one before, on one SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentcron import JobFilters, SqliteStorage
from agentcron.domain import changes
from agentcron.domain.plans import Plan
from agentcron.domain.spec_fields import read_spec
from agentcron.ports import JobStore
from agentcron.storage import specs
from tests.remade_jobs import RemadeJobs

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class TestSqlite(RemadeJobs):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Callable[[], JobStore]:
        return lambda: SqliteStorage(tmp_path / "s.sqlite")


def created(job_id: str, prompt: str) -> Plan:
    return changes.create(read_spec({"name": "job", "prompt": prompt, "schedule": "every 1m"}), job_id, NOW)


async def prompts(store: SqliteStorage) -> dict[str, str]:
    return {job.id: job.prompt for job in (await store.list_jobs(JobFilters())).items}


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    store = SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize("many", [1, 50])
async def test_what_is_made_or_edited_in_a_process_runs_there_without_being_parsed(
    opened: SqliteStorage, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(specs, "spec_of", lambda text: pytest.fail(f"was parsed: {text}"))
    made = [created(f"{number:016x}", f"prompt {number}") for number in range(many)]
    assert await opened.commit(made) == [True] * many
    edits = []
    for job in (await opened.due(NOW + timedelta(minutes=1), 1000)).jobs:
        spec = read_spec({"name": "job", "prompt": f"{job.prompt}, edited", "schedule": "every 1m"})
        edit = changes.edit(job, spec, NOW, lambda: "")
        assert edit is not None
        edits.append(edit)
    assert await opened.commit(edits) == [True] * many
    assert await prompts(opened) == {f"{number:016x}": f"prompt {number}, edited" for number in range(many)}
    for number in range(many):
        for version, told in ((1, f"prompt {number}"), (2, f"prompt {number}, edited")):
            spec = await opened.get_spec(f"{number:016x}", version)
            assert spec is not None
            assert spec.prompt == told


async def test_a_job_has_its_own_spec_when_the_number_of_a_refused_one_is_given_to_it(opened: SqliteStorage) -> None:
    await opened.commit([created("a" * 16, "first")])
    # Together in one transaction, which the one that is refused takes back with it.
    refused, made = await asyncio.gather(
        opened.commit([created("b" * 16, "second"), created("a" * 16, "taken")]),
        opened.commit([created("c" * 16, "third")]),
    )
    assert (refused, made) == ([True, False], [True])
    assert await prompts(opened) == {"a" * 16: "first", "b" * 16: "second", "c" * 16: "third"}


async def test_a_job_that_was_made_twice_in_one_transaction_is_the_last_one(opened: SqliteStorage) -> None:
    first, again = created("a" * 16, "first"), created("a" * 16, "again")
    assert first.job_after is not None
    gone = changes.delete(first.job_after, NOW)
    assert await asyncio.gather(*(opened.commit([plan]) for plan in (first, gone, again))) == [[True]] * 3
    assert opened.commits == 1
    assert await prompts(opened) == {"a" * 16: "again"}
    spec = await opened.get_spec("a" * 16, 1)
    assert spec is not None
    assert spec.prompt == "again"


async def test_no_more_specs_are_remembered_than_a_bound_and_all_are_right(
    opened: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(specs, "MOST", 10)
    made = {f"{number:016x}": f"prompt {number}" for number in range(30)}
    assert await opened.commit([created(*one) for one in made.items()]) == [True] * 30
    for _ in range(2):
        assert await prompts(opened) == made
        for job_id, prompt in made.items():
            spec = await opened.get_spec(job_id, 1)
            assert spec is not None
            assert spec.prompt == prompt
    assert len(opened._specs.kept) == len(opened._specs._numbers) == 10
