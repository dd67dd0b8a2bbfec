"""Any job with any execution goes through a folder of the original and comes back as it was."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentcron.domain.lifecycle import ExecutionStatus, JobState
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import Conversation, CostBasis, Usage
from agentcron.domain.queries import ExecutionFilters, JobFilters
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.statistics import Totals
from agentcron.storage.sqlite import SqliteStorage
from agentcron.storage.transfer import export_original, import_original

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_E = ExecutionStatus
_BEGUN = (_E.RUNNING, _E.SUCCESS, _E.FAILURE, _E.ERROR, _E.INCOMPLETE)

# Ids of the original may hold anything; a NUL ends a text for some readers, half a character is no text.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)
ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
instants = st.integers(0, 10**12).map(lambda us: NOW - timedelta(microseconds=us))
counts = st.integers(0, 10**6)


@st.composite
def specs(draw: st.DrawFn) -> Any:
    schedule = draw(st.sampled_from([
        "0 9 * * MON-FRI", "@daily", "*/5 30 9 1 * *", "every 90s", "every 10m", "every 31d", "at 2031-05-06T07:08:09",
    ]))  # fmt: skip
    values: dict[str, Any] = {
        "name": draw(texts.filter(lambda text: text.isprintable() and text.strip())),
        "prompt": draw(texts.filter(str.strip)),
        "schedule": schedule,
        "timezone": draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])),
        "overlap": draw(st.sampled_from(["skip", "buffer_one", "cancel_other"])),
        "timeout": draw(st.sampled_from(["3s", "1h", "30d"])),
        "max_runs": draw(st.none() | st.integers(1, 9)),
        "tags": draw(st.lists(st.sampled_from(["a", "b:c", "d/e"]), unique=True)),
        "metadata": draw(st.dictionaries(texts, st.none() | counts | texts | st.lists(counts, max_size=3), max_size=3)),
    }
    spec = read_spec(values)
    return (
        spec
        if not schedule.startswith("every")
        else read_spec({"every": spec.schedule.interval, "anchor": NOW}, base=spec)
    )


@st.composite
def jobs(draw: st.DrawFn, job_id: str) -> tuple[Job, list[Execution]]:
    state = draw(st.sampled_from(list(JobState)))
    slot = draw(instants) if state in (JobState.ACTIVE, JobState.PAUSED) else None
    job = Job(
        id=job_id, spec=draw(specs()), created=draw(instants), version=draw(st.integers(1, 9)), state=state,
        revision=draw(st.integers(1, 99)), state_reason="person" if state is JobState.PAUSED else None, next_slot=slot,
        next_run=slot if state is JobState.ACTIVE else None, last_run=draw(st.none() | instants), runs=draw(counts),
        streak=draw(st.integers(0, 9)), made_by=draw(st.none() | texts),
        totals=Totals(success=draw(counts), missed=draw(counts), tokens=draw(counts), cost_usd=Decimal("0.25")),
    )  # fmt: skip
    times = draw(st.lists(instants, max_size=4, unique=True))
    return job, [draw(executions(job, at)) for at in sorted(times)]


@st.composite
def executions(draw: st.DrawFn, job: Job, at: datetime) -> Execution:
    status = draw(st.sampled_from([status for status in _E if status is not _E.AWAITING_INPUT]))
    begun, final = status in _BEGUN, status not in (_E.PENDING, _E.RUNNING)
    ran = begun and final
    talk = Conversation(kind="python", format="messages", format_version=1, native=[{"text": draw(texts)}])
    return Execution(
        id=draw(st.uuids()).hex[:26], job_id=job.id, version=job.version, at=at, status=status, begun=begun, attempt=1,
        manual=draw(st.booleans()), fence=int(begun), owner="gone" if begun else None, wake_at=None if final else at,
        reason=draw(st.sampled_from(["lost", "overlap"])) if final else None, agent=job.agent if begun else None,
        start_time=at if begun else None, end_time=at + timedelta(seconds=2) if final else None,
        agent_id=draw(texts) if begun else None, error=draw(st.none() | texts) if ran else None,
        result=draw(st.none() | texts) if ran else None, prompt=draw(st.none() | texts) if begun else None,
        conversation=talk if ran else None, usage=Usage(input_tokens=draw(counts)) if ran else None,
        cost_usd=Decimal("0.125") if ran else None,
        cost_basis=CostBasis.ESTIMATED if ran else CostBasis.UNKNOWN,
    )  # fmt: skip


worlds = st.lists(ids, min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.tuples(*(jobs(key) for key in keys))
)


async def everything(store: SqliteStorage) -> tuple[Any, Any]:
    found = (await store.list_jobs(JobFilters(), limit=100)).items
    page = await store.list_executions(ExecutionFilters(include_skipped=True), 1000)
    rows = [await store.get_execution(row.id) for row in page.items]
    return list(found), sorted((row for row in rows if row is not None), key=lambda row: row.id)


async def there_and_back(world: Any, folder: Path, *, snapshot: bool) -> tuple[Any, Any]:
    first, second = SqliteStorage(folder / "first.sqlite"), SqliteStorage(folder / "second.sqlite")
    for store in (first, second):
        await store.open()
    try:
        await first.restore([job for job, _ in world], [row for _, rows in world for row in rows])
        moved = await export_original(first, folder / "out")
        assert (moved.jobs, moved.problems) == (len(world), [])
        if not snapshot:
            (folder / "out" / "background-jobs" / "agentcron.json").unlink()
        moved = await import_original(folder / "out", second)
        assert (moved.jobs, moved.problems) == (len(world), [])
        return await everything(first), await everything(second)
    finally:
        for store in (first, second):
            await store.close()


@settings(max_examples=25, deadline=None)
@given(world=worlds)
def test_every_job_and_execution_comes_back_as_it_was(world: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        before, after = asyncio.run(there_and_back(world, Path(name), snapshot=True))
    assert after == before


@settings(max_examples=25, deadline=None)
@given(world=worlds)
def test_with_the_originals_files_alone_all_that_ran_comes_back(world: Any) -> None:
    """What the original has no word for, a slot that was skipped or missed, is in the snapshot only."""
    with tempfile.TemporaryDirectory() as name:
        before, after = asyncio.run(there_and_back(world, Path(name), snapshot=False))
    assert after[0] == before[0]
    assert after[1] == [row for row in before[1] if row.status not in (_E.SKIPPED, _E.MISSED)]
