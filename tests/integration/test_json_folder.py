"""The JSON folder: the original's files read and written, damage, faults, other processes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain import changes
from agentcron.domain.lifecycle import ExecutionStatus, JobState, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.outcomes import AgentOutcome, Conversation, Cut, CutCause, Done
from agentcron.domain.planner import plan
from agentcron.domain.queries import ExecutionFilters, JobFilters, Node
from agentcron.domain.settling import settle
from agentcron.domain.spec_fields import read_spec
from agentcron.errors import ConfigError, ConflictError, StoreError, StoreUnavailable
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.json_files import store as store_module
from agentcron.storage.json_files.projection import Projection
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.original import cron_text
from agentcron.storage.sqlite import SqliteStorage
from agentcron.storage.transfer import export_original, import_original
from agentcron.storage.urls import open_storage
from agentcron.testing import FakeAgentFactory, FakeClock, create_test_environment
from agentcron.testing.agents import Gate

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIXTURE = Path(__file__).parent.parent / "fixtures" / "original" / "background-jobs"
_E = ExecutionStatus

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and modes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder that was written by hand to the original's README."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "data" / "background-jobs"))


@asynccontextmanager
async def opened(path: Path) -> Any:
    store = StorageFsPlugin(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def numbers() -> Any:
    ids = iter(range(10**6))
    return lambda: f"{next(ids):026x}"


def new_job(name: str = "job", job_id: str | None = None, **fields: Any) -> Any:
    spec = read_spec({"name": name, "prompt": "do it", "schedule": "every 1m", **fields})
    return changes.create(spec, job_id or os.urandom(8).hex(), NOW)


async def add(store: Any, name: str = "job", **fields: Any) -> Job:
    made = new_job(name, **fields)
    assert await store.commit([made]) == [True]
    return made.job_after


async def run(store: Any, job: Job, answer: AgentOutcome, now: datetime) -> Execution:
    job = await store.get_job(job.id)
    assert await store.commit([plan(job, now, lambda: os.urandom(13).hex())]) == [True]
    [row] = await store.claim("me", now, 1, begin=True)
    await store.note_agent(row.id, row.fence, "agent-7")
    assert await store.settle([settle(row, Done(answer=answer), now + MINUTE / 2, job.spec)]) == [True]
    return row


def jobs_in(path: Path) -> Any:
    return json.loads((path / "jobs.json").read_text())


# --- what the original wrote -----------------------------------------------------------------------------------------


async def test_a_folder_of_the_original_loads_with_every_field(folder: Path) -> None:
    async with opened(folder) as store:
        report, digest, inbox = (await store.list_jobs(JobFilters())).items
        assert (report.id, report.name, report.cron_expression) == ("job-1", "Daily Report", "0 9 * * *")
        assert report.prompt == "Generate and save a daily status report"
        assert report.agent == "background-job"
        assert report.metadata == {"owner": "ops", "limits": {"pages": 2}}
        assert report.created == datetime(2026, 2, 20, 8, 15, 30, 123000, tzinfo=UTC)
        assert report.last_run == datetime(2026, 2, 28, 9, 0, 0, 412000, tzinfo=UTC)
        assert report.next_run == datetime(2026, 3, 1, 9, tzinfo=UTC)
        assert (digest.status, digest.next_run) == (JobStatus.PAUSED, None)
        assert inbox.status is JobStatus.RUNNING
        second, first = (await store.list_executions(ExecutionFilters(job_id="job-1"), 10)).items
        assert (first.id, first.status, first.result) == ("exec-1", _E.SUCCESS, "All systems nominal – 3 notes")
        assert (second.status, second.error) == (_E.FAILURE, "The report service did not answer")
        assert first.agent_id == "agent-background-job-1"
        assert first.duration == timedelta(seconds=12.5)
        assert (report.totals.success, report.totals.failure, report.runs) == (1, 1, 2)
        figures = await store.statistics()
        assert (figures.total_jobs, figures.total_executions, figures.success_rate) == (3, 2, 0.5)


async def test_a_job_of_the_original_is_run_by_the_default_definition_of_the_factory(folder: Path) -> None:
    async def work(prompt: str) -> str:
        return f"done: {prompt}"

    factory = AgentFactoryPlugin({"report": {"kind": "python", "callable": work}}, default_definition="report")
    plugin = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(folder), agent_factory=factory, clock=FakeClock(NOW))
    run = await plugin.run_here(await plugin.run_job_now("job-1"))
    assert (run.status, run.agent) == (_E.SUCCESS, "report"), run.error
    assert run.result == "done: Generate and save a daily status report"
    await plugin.close()
    # It is written down: who opens the folder later does not give the job to another one.
    async with opened(folder) as store:
        assert {job.agent for job in (await store.list_jobs(JobFilters())).items} == {"report"}


async def test_a_job_with_an_invalid_expression_is_set_aside_and_reported(folder: Path) -> None:
    async with opened(folder) as store:
        [problem] = store.problems
        assert "job 3 ('Never Right') is set aside" in problem
        [kept] = (folder / "corrupt").iterdir()
        assert json.loads(kept.read_text())["cronExpression"] == "61 25 * * *"


async def test_a_run_that_the_original_left_open_is_found_as_lost(folder: Path) -> None:
    async with opened(folder) as store:
        [row] = await store.lapsed(NOW, 10)
        job = await store.get_job("job-3")
        assert (row.id, job.running, job.open) == ("exec-3", 1, 1)
        assert await store.settle([settle(row, Cut(cause=CutCause.LOST), NOW, job.spec)]) == [True]
    [_, _, inbox] = jobs_in(folder)
    assert inbox["status"] == "waiting"
    assert inbox["executionHistory"][0]["status"] == "incomplete"
    assert json.loads((folder / "executions" / "job-3-exec-3.json").read_text())["status"] == "incomplete"


async def test_reading_a_folder_changes_nothing_in_it(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    async with opened(folder) as store:
        assert await store.get_job("job-1")
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in folder.iterdir()} == {"jobs.json", "executions", "corrupt"}


async def test_what_is_written_differs_only_where_a_run_added_something(folder: Path) -> None:
    before = (folder / "jobs.json").read_text()
    files = {path: path.read_bytes() for path in (folder / "executions").iterdir()}
    async with opened(folder) as store:
        await store.commit([changes.pause(await store.get_job("job-3"), NOW, numbers())])
    after = (folder / "jobs.json").read_text()
    untouched = before.index('    "id": "job-3"')
    assert after[:untouched] == before[:untouched]
    assert {path: path.read_bytes() for path in files} == files
    [first, second, third] = jobs_in(folder)
    assert first["createdBy"] == "a key of somebody else"
    assert "agentcron" not in first | second
    assert (third["status"], third["agentcron"]["state"]) == ("paused", "PAUSED")
    async with opened(folder) as store:
        assert (await store.get_job("job-3")).state is JobState.PAUSED
        assert (await store.statistics()).total_executions == 2


@pytest.mark.parametrize("upper", [False, True])
async def test_an_object_by_id_in_capitals_is_written_back_as_one(tmp_path: Path, upper: bool) -> None:
    path = tmp_path / "background-jobs"
    path.mkdir()
    status = "WAITING" if upper else "waiting"
    entry = {"id": "a b/../c", "name": "n", "cronExpression": "0 9 * * *", "prompt": "p", "status": status}
    (path / "jobs.json").write_text(json.dumps({"a b/../c": entry}, indent=2))
    async with opened(tmp_path) as store:
        job = await store.get_job("a b/../c")
        made = changes.run_now(job, NOW, "one")
        assert await store.commit([made]) == [True]
        other = await add(store, "second")
    found = jobs_in(path)
    assert set(found) == {"a b/../c", other.id}
    assert found[other.id]["status"] == status
    assert not (path / "jobs.json").read_bytes().endswith(b"\n")
    [name] = [path.name for path in (path / "executions").iterdir()]
    assert name.startswith("x")
    assert name.endswith("-one.json")
    assert {key: found["a b/../c"][key] for key in entry} == entry


async def test_everything_of_ours_comes_back(tmp_path: Path) -> None:
    talk = Conversation(kind="python", format="messages", format_version=1, native=[{"text": "ü"}])
    async with opened(tmp_path) as store:
        job = await add(store, schedule="30 9 * * MON", timezone="Europe/Berlin", retry="attempts=3", tags=["x"])
        other = await add(store, "tick", schedule="every 90s")
        now = other.next_run
        await run(store, other, AgentOutcome(output="it", cost_usd=Decimal("0.1"), conversation=talk), now)
        await store.commit([plan(await store.get_job(other.id), now + 60 * MINUTE, numbers())])
        gone = await add(store, "gone")
        await store.commit([changes.delete(gone, NOW)])
        jobs = (await store.list_jobs(JobFilters())).items
        page = (await store.list_executions(ExecutionFilters(include_skipped=True), 50)).items
        rows = [await store.get_execution(row.id) for row in page]
        figures = await store.statistics()
    path = tmp_path / "background-jobs"
    assert (path / "agentcron.jsonl").read_bytes() == b""
    async with opened(path) as store:
        assert (await store.list_jobs(JobFilters())).items == jobs
        assert jobs[0].spec == job.spec
        assert [await store.get_execution(row.id) for row in rows] == rows
        assert await store.statistics() == figures
        assert await store.deleted_at("gone") == NOW
        assert store.problems == []
    [_, tick] = jobs_in(path)
    assert tick["cronExpression"] == "*/2 * * * *"
    assert [part["status"] for part in tick["executionHistory"]] == ["success", "pending"]
    assert tick["executionHistory"][0]["startTime"] == "2026-03-01T12:01:30.000Z"
    if os.name != "nt":
        assert {stat.S_IMODE(part.stat().st_mode) for part in path.rglob("*") if part.is_file()} == {0o600}
        assert {stat.S_IMODE(part.stat().st_mode) for part in (path, path / "executions")} == {0o700}


async def test_with_the_snapshot_lost_the_files_tell_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        job = await add(store)
        await run(store, job, AgentOutcome(output="it"), NOW + MINUTE)
        await store.commit([plan(await store.get_job(job.id), NOW + 2 * MINUTE, numbers())])
        kept, figures = await store.get_job(job.id), await store.statistics()
    (tmp_path / "background-jobs" / "agentcron.json").unlink()
    async with opened(tmp_path) as store:
        assert await store.get_job(job.id) == kept
        assert await store.statistics() == figures


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [("every 10m", "*/10 * * * *"), ("every 36h", "0 0 * * 0"), ("every 1s", "* * * * *"), ("every 90d", "0 0 1 1 *"),
     ("at 2030-05-06T07:08:00+00:00", "8 7 6 5 *")],
)  # fmt: skip
def test_other_schedules_have_an_expression_that_is_not_due_more_often(schedule: str, expression: str) -> None:
    assert cron_text(read_spec({"name": "n", "prompt": "p", "schedule": schedule}).schedule) == expression


@pytest.mark.parametrize("filed", [("job-1", "job-2"), ("job-2",), ()], ids=["both", "one", "none"])
async def test_runs_that_are_numbered_within_their_job_are_told_apart(tmp_path: Path, filed: tuple[str, ...]) -> None:
    path = tmp_path / "background-jobs"
    (path / "executions").mkdir(parents=True)
    entries = []
    for job_id in ("job-1", "job-2"):
        execution = {"id": "exec-1", "agentId": "a", "startTime": "2026-02-27T09:00:00.000Z", "status": "success",
                     "endTime": "2026-02-27T09:00:01.000Z", "prompt": job_id, "result": job_id}  # fmt: skip
        entry = {"id": job_id, "name": job_id, "cronExpression": "0 9 * * *", "prompt": job_id, "status": "waiting"}
        entries.append(entry | {"executionHistory": [execution]})
        if job_id in filed:
            (path / "executions" / f"{job_id}-exec-1.json").write_text(json.dumps(execution))
    (path / "jobs.json").write_text(json.dumps(entries))
    for number in range(3):
        async with opened(tmp_path) as store:
            for job_id in ("job-1", "job-2"):
                [row] = (await store.list_executions(ExecutionFilters(job_id=job_id), 10)).items
                assert row.result == job_id
                assert (await store.get_job(job_id)).totals.success == 1
            assert (await store.statistics()).total_executions == 2
            await add(store, f"further {number}")


async def test_a_run_that_a_stop_cut_is_incomplete_after_the_next_start(tmp_path: Path) -> None:
    clock, factory = FakeClock(), FakeAgentFactory()
    gate = Gate()
    factory.then(gate)
    plugin = BackgroundJobsPlugin(storage_plugin=StorageFsPlugin(tmp_path), agent_factory=factory, clock=clock)
    job_id = await plugin.create_job("cut", "every 1s", "hello", max_runs=1)
    await plugin.start_background_execution()
    async with asyncio.timeout(10):
        while [row.status for row in await plugin.get_executions(job_id)] != [_E.RUNNING]:
            await clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.01)
    # What is there now is what a kill would leave.
    await settled(plugin.storage)
    shutil.copytree(tmp_path / "background-jobs", tmp_path / "killed" / "background-jobs")
    gate.opened.set()
    await plugin.close()
    plugin = BackgroundJobsPlugin(
        storage_plugin=StorageFsPlugin(tmp_path / "killed"), agent_factory=factory, clock=clock
    )
    await plugin.start_background_execution()
    async with asyncio.timeout(10):
        while (await plugin.get_executions(job_id))[0].status is not _E.INCOMPLETE:
            await clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.01)
    assert (await plugin.get_job(job_id)).name == "cut"
    await plugin.close()


# --- edits of other programs -----------------------------------------------------------------------------------------


async def test_an_edit_of_another_program_is_taken_as_a_new_version(tmp_path: Path) -> None:
    path = tmp_path / "background-jobs"
    async with opened(tmp_path) as store:
        edited, removed = await add(store, "one", schedule="every 10m", timeout="5m"), await add(store, "two")
        paused = await add(store, "three")
    found = jobs_in(path)
    found[0].update(prompt="do that", cronExpression="0 8 * * *", theirs=1)
    found[2]["status"] = "paused"
    del found[1]
    found.append({"id": "new", "name": "n", "cronExpression": "0 9 * * *", "prompt": "p", "status": "waiting"})
    (path / "jobs.json").write_text(json.dumps(found))
    os.utime(path / "jobs.json", (NOW.timestamp() + 30, NOW.timestamp() + 30))
    for _ in range(2):  # the first reads, the second has them in its own files
        async with opened(tmp_path) as store:
            job = await store.get_job(edited.id)
            assert (job.prompt, job.cron_expression, job.version) == ("do that", "0 8 * * *", 2)
            assert job.timeout == timedelta(minutes=5)
            assert await store.get_job(removed.id) is None
            assert (await store.get_job(paused.id)).state is JobState.PAUSED
            assert (await store.get_job("new")).name == "n"
            await add(store, "further")
    assert jobs_in(path)[0]["theirs"] == 1


async def test_an_edit_while_the_store_writes_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "background-jobs"
    async with opened(tmp_path) as store:
        await add(store, "one")
        await settled(store)
        (path / "jobs.json").write_text("[]")
        await add(store, "two")
        await settled(store)
        assert "stop the scheduler before editing" in store.problems[0]
    assert (path / "jobs.json.edited-1").read_text() == "[]"
    assert len(jobs_in(path)) == 2


async def settled(store: StorageFsPlugin) -> None:
    """Return once the files have followed the log."""
    while store._projecting is None or not store._projecting.done():
        await asyncio.sleep(0.01)


# --- damage ----------------------------------------------------------------------------------------------------------


async def test_a_damaged_file_without_a_snapshot_is_refused_until_it_is_gone(folder: Path) -> None:
    torn = (folder / "jobs.json").read_bytes()[:700]
    (folder / "jobs.json").write_bytes(torn)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"jobs\.json\.corrupt-1"):
            await StorageFsPlugin(folder).open()
    assert (folder / "jobs.json.corrupt-1").read_bytes() == torn
    assert not (folder / "jobs.json.corrupt-2").exists()
    (folder / "jobs.json").unlink()
    async with opened(folder) as store:
        assert (await store.list_jobs(JobFilters())).items == []
        assert "3 files belong to no job" in store.problems[0]


@pytest.mark.parametrize("damage", [b"", b"garbage", b"null", b"[1, 2]", b"\xff\xfe", b"[" * 100_000])
async def test_a_damaged_file_is_rebuilt_from_the_snapshot(tmp_path: Path, damage: bytes) -> None:
    async with opened(tmp_path) as store:
        job = await add(store)
    path = tmp_path / "background-jobs"
    (path / "jobs.json").write_bytes(damage)
    async with opened(tmp_path) as store:
        assert await store.get_job(job.id) == job
        assert any("is damaged" in problem for problem in store.problems)
        await add(store, "next")
    assert (path / "jobs.json.corrupt-1").read_bytes() == damage
    assert len(jobs_in(path)) == 2


async def _check(path: Path, data: bytes, kept: bool) -> None:
    (path / "jobs.json").write_bytes(data)
    store = StorageFsPlugin(path)
    try:
        await store.open()
    except StoreError:
        assert not kept
        return
    try:
        jobs = (await store.list_jobs(JobFilters())).items
        assert jobs or store.problems
        if kept and any("rebuilt" in problem for problem in store.problems):
            assert len(jobs) == 3
    finally:
        await store.close()


def sweep_data(path: Path) -> bytes:
    entries = jobs_in(path)[:3]
    data = (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode()
    (path / "jobs.json").write_bytes(data)
    return data


@pytest.mark.parametrize("kept", [False, True], ids=["without snapshot", "with snapshot"])
async def test_no_torn_file_empties_the_store(folder: Path, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the damage is what counts here, and there is much of it
    data = sweep_data(folder)
    if kept:
        async with opened(folder) as store:
            await store.join(Node(id="n", host="h", pid=1, version="0", started_at=NOW, seen_at=NOW))
        assert (folder / "agentcron.json").exists()
    for length in range(0, len(data), 3 if kept else 1):
        await _check(folder, data[:length], kept)
        for copy in folder.glob("*.corrupt-*"):
            copy.unlink()


@pytest.mark.parametrize("kept", [False, True], ids=["without snapshot", "with snapshot"])
async def test_no_flipped_byte_empties_the_store(folder: Path, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    data = sweep_data(folder)
    if kept:
        async with opened(folder) as store:
            await store.join(Node(id="n", host="h", pid=1, version="0", started_at=NOW, seen_at=NOW))
    dice = random.Random(20260301)
    for _ in range(500):
        flipped = bytearray(data)
        flipped[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        await _check(folder, bytes(flipped), kept)
        for copy in folder.glob("*.corrupt-*"):
            copy.unlink()


async def test_no_flipped_byte_in_any_file_of_ours_is_more_than_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    async with opened(tmp_path) as store:
        job = await add(store, "one", schedule="every 10m", metadata={"a": 1})
        await add(store, "two", schedule="0 9 * * *", timezone="Europe/Berlin")
        await run(store, job, AgentOutcome(output="it"), job.next_run)
    path = tmp_path / "background-jobs"
    whole = {file: file.read_bytes() for file in path.rglob("*.json")}
    dice = random.Random(7)
    for _ in range(600):
        file = dice.choice(sorted(whole))
        flipped = bytearray(whole[file])
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
        file.write_bytes(flipped)
        store = StorageFsPlugin(path)
        try:
            await store.open()
            assert len((await store.list_jobs(JobFilters())).items) >= 1
            assert (await store.statistics()).total_jobs >= 1
            await store.list_executions(ExecutionFilters(include_skipped=True), 10)
        except StoreError:
            pass
        finally:
            await store.close()
        file.write_bytes(whole[file])
        for copy in path.glob("*.corrupt-*"):
            copy.unlink()


async def test_a_damaged_execution_file_is_set_aside_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "executions" / "job-1-exec-2.json").write_text('{"id": "exec-2", ')
    async with opened(folder) as store:
        assert any("job-1-exec-2.json: is set aside" in problem for problem in store.problems)
        rows = (await store.list_executions(ExecutionFilters(job_id="job-1"), 10)).items
        assert [row.id for row in rows] == ["exec-2", "exec-1"]  # the inline history has it still


async def test_a_torn_log_line_is_cut_and_a_damaged_one_reported(tmp_path: Path) -> None:
    path = tmp_path / "background-jobs"
    log = path / "agentcron.jsonl"
    copy = tmp_path / "copy"
    async with opened(tmp_path) as store:
        for name in ("one", "two", "three"):
            await add(store, name)
            await settled(store)
        monkey = store._projection
        monkey.write = lambda work, log: None  # the files stay behind, as after a kill
        for name in ("four", "five"):
            await add(store, name)
        lines = log.read_bytes()
        shutil.copytree(path, copy / "background-jobs")
    log = copy / "background-jobs" / "agentcron.jsonl"
    first, second = lines.splitlines(keepends=True)[-2:]
    log.write_bytes(first + second[:-7])
    async with opened(copy) as store:
        assert len((await store.list_jobs(JobFilters())).items) == 4
        assert store.problems == []
        await add(store, "six")
    async with opened(copy) as store:
        assert len((await store.list_jobs(JobFilters())).items) == 5
    log.write_bytes(first.replace(b"four", b"f0ur") + second)
    async with opened(copy) as store:
        names = [job.name for job in (await store.list_jobs(JobFilters())).items]
        assert names == ["one", "two", "three", "four", "six", "five"]
        assert "a line is damaged" in store.problems[0]


@posix
@pytest.mark.parametrize("end", [None, b"", b'{"torn'], ids=["removed", "replaced", "replaced by a torn one"])
async def test_no_change_is_written_into_a_log_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes | None
) -> None:
    log = tmp_path / "background-jobs" / "agentcron.jsonl"
    async with opened(tmp_path) as store:
        await add(store, "one")
        await settled(store)
        if end is None:
            log.unlink()
        else:
            beside = log.with_name("copy")
            beside.write_bytes(log.read_bytes() + end)
            beside.replace(log)
        # Only the log is written from now on, as where the process is killed right after it answered.
        monkeypatch.setattr(Projection, "write", lambda *_: None)
        await add(store, "two")
    async with opened(tmp_path) as store:
        assert [job.name for job in (await store.list_jobs(JobFilters())).items] == ["one", "two"]


@posix
async def test_a_change_is_refused_where_the_folder_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await add(store, "one")
        await settled(store)
        shutil.rmtree(tmp_path / "background-jobs")
        with pytest.raises(StoreUnavailable, match=r"agentcron\.jsonl: No such file"):
            await add(store, "two")


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "code", "word"), [
    ("write", errno.ENOSPC, "disk is full"), ("write", errno.EROFS, "read-only"), ("fsync", errno.EIO, "fault"),
])  # fmt: skip
async def test_a_fault_refuses_the_change_and_leaves_the_rest_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, word: str
) -> None:
    real = getattr(os, call)

    def fails(handle: int, *rest: Any) -> Any:
        if call == "write" and rest and len(rest[0]) > 20:
            real(handle, rest[0][:10])  # a half line, as a full disk leaves it
        raise OSError(code, os.strerror(code))

    async with opened(tmp_path) as store:
        job = await add(store, "one")
        await settled(store)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            with pytest.raises(StoreUnavailable, match=rf"agentcron\.jsonl: .*{word}"):
                await store.commit([changes.pause(job, NOW, numbers())])
            assert await store.get_job(job.id) == job
        assert await store.commit([changes.pause(job, NOW, numbers())]) == [True]
        paused = await store.get_job(job.id)
    async with opened(tmp_path) as store:
        assert await store.get_job(job.id) == paused
        assert store.problems == []


async def test_files_that_cannot_follow_lose_nothing_and_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        job = await add(store, "one")
        await settled(store)
        real = Path.replace

        def fails(path: Path, target: Path) -> Path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "replace", fails)
        assert await store.commit([changes.pause(job, NOW, numbers())]) == [True]
        await settled(store)
        assert "the JSON files are behind the log" in store.problems[0].replace("The", "the")
        paused = await store.get_job(job.id)
    async with opened(tmp_path) as store:
        assert await store.get_job(job.id) == paused
        monkeypatch.setattr(Path, "replace", real)
        await add(store, "two")
    assert jobs_in(tmp_path / "background-jobs")[0]["status"] == "paused"


async def test_a_deleted_job_leaves_the_file_although_its_first_writing_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def fails(path: Path, target: Path) -> Path:
        if Path(target).name == "jobs.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, target)

    async with opened(tmp_path) as store:
        job = await add(store, "one")
        await add(store, "two")
        await settled(store)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", fails)
            assert await store.commit([changes.delete(job, NOW)]) == [True]
            await settled(store)
            assert "The JSON files are behind the log" in store.problems[0]
    # The original would run what is still in it.
    assert [job["name"] for job in jobs_in(tmp_path / "background-jobs")] == ["two"]


async def test_changes_of_many_callers_share_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = []
    async with opened(tmp_path) as store:
        await add(store)
        await settled(store)
        real = store._log.append
        monkeypatch.setattr(store._log, "append", lambda text, **rest: (flushes.append(text), real(text, **rest)))
        done = await asyncio.gather(*(store.commit([new_job(f"job {n}")]) for n in range(50)))
        assert done == [[True]] * 50
        assert len([text for text in flushes if "jobs_json" not in text]) <= 2


# --- processes -------------------------------------------------------------------------------------------------------

WRITER = """
import asyncio, os, sys
from datetime import UTC, datetime
from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.domain import changes
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.json_files import StorageFsPlugin

async def main(path, kill):
    store = StorageFsPlugin(path)
    await store.open()
    spec = read_spec({"name": "theirs", "prompt": "p", "schedule": "0 9 * * *"})
    if kill:
        store._project = asyncio.Event().wait  # killed between the line and the files
    await store.commit([changes.create(spec, "theirs", datetime(2026, 3, 1, tzinfo=UTC))])
    print("written", flush=True)
    sys.stdin.readline()
    await store.close()

asyncio.run(main(sys.argv[1], len(sys.argv) > 2))
"""


@pytest.fixture
def writer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Another process that has written one job."""
    argv = [sys.executable, "-c", WRITER, str(tmp_path), *getattr(request, "param", [])]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_a_second_process_reads_and_may_not_write(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    async with opened(tmp_path) as store:
        job = await store.get_job("theirs")
        assert job is not None
        with pytest.raises(ConflictError, match=f"process {writer.pid} writes this folder"):
            await store.commit([changes.pause(job, NOW, numbers())])
        with pytest.raises(ConflictError, match=f"process {writer.pid} "):
            await store.join(Node(id="me", host="h", pid=1, version="0", started_at=NOW, seen_at=NOW))
        assert await store.get_job("theirs") == job
        writer.communicate("\n", timeout=10)
        assert await store.commit([changes.pause(job, NOW, numbers())]) == [True]


async def test_a_reader_sees_what_the_writer_does(tmp_path: Path) -> None:
    async with opened(tmp_path) as reads, opened(tmp_path) as writes:
        assert (await reads.list_jobs(JobFilters())).items == []
        job = await add(writes)
        assert await reads.get_job(job.id) == job
        await settled(writes)
        assert await reads.get_job(job.id) == job
        assert await writes.clear(NOW) == 1
        assert await reads.get_job(job.id) is None


@posix
@pytest.mark.parametrize("writer", [["kill"]], indirect=True)
async def test_a_kill_between_the_line_and_the_files_loses_nothing(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    path = tmp_path / "background-jobs"
    assert not (path / "jobs.json").exists()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(10)
    async with opened(tmp_path) as store:
        assert (await store.get_job("theirs")).name == "theirs"
        await add(store, "mine")
    assert [job["name"] for job in jobs_in(path)] == ["theirs", "mine"]
    assert (path / "agentcron.jsonl").read_bytes() == b""


@pytest.mark.parametrize("step", ["_write_jobs", "_write_snapshot", "empty"])
async def test_a_crash_at_any_step_of_the_files_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The folder as a crash after that step would leave it, copied while the store lives."""
    copy = tmp_path / "copy"
    async with opened(tmp_path / "live") as store:
        job = await add(store, "one")
        await run(store, job, AgentOutcome(output="x"), NOW + MINUTE)
        await settled(store)
        owner = store._log if step == "empty" else store._projection
        real = getattr(owner, step)

        def copying(*args: Any) -> Any:
            if step == "empty":
                shutil.copytree(store.folder.path, copy / "background-jobs", dirs_exist_ok=True)
                return real(*args)
            answer = real(*args)
            if not copy.exists():
                shutil.copytree(store.folder.path, copy / "background-jobs")
            return answer

        monkeypatch.setattr(owner, step, copying)
        await store.commit([changes.pause(await store.get_job(job.id), NOW + 2 * MINUTE, numbers())])
        await settled(store)
        jobs, figures = (await store.list_jobs(JobFilters())).items, await store.statistics()
    async with opened(copy) as store:
        assert (await store.list_jobs(JobFilters())).items == jobs
        assert await store.statistics() == figures
        assert store.problems == []


# --- size ------------------------------------------------------------------------------------------------------------


async def test_above_the_limit_the_files_follow_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SMALL", 1)
    monkeypatch.setattr(store_module, "PAUSE", 60.0)
    path = tmp_path / "background-jobs"
    async with opened(tmp_path) as store:
        await add(store, "one")
        await add(store, "two")
        await asyncio.sleep(0.2)
        shown = len(jobs_in(path))
        await add(store, "three")
        await asyncio.sleep(0.1)
        assert len(jobs_in(path)) == shown
    assert len(jobs_in(path)) == 3


# --- moving and naming -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_folder_moves_into_any_store_and_back(folder: Path, tmp_path: Path, kind: str) -> None:
    store: Any = MemoryStorage() if kind == "memory" else SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    moved = await import_original(folder, store)
    assert (moved.jobs, moved.executions, moved.known, len(moved.problems)) == (3, 3, [], 1)
    again = await import_original(folder, store)
    assert (again.jobs, again.executions, again.known) == (0, 0, ["job-1", "job-2", "job-3"])
    assert (await store.statistics()).total_executions == 2
    [cut] = await store.lapsed(NOW, 10)
    assert cut.id == "exec-3"
    await export_original(store, tmp_path / "out")
    await store.close()
    found = jobs_in(folder)[:3]
    written = jobs_in(tmp_path / "out" / "background-jobs")
    for before, after in zip(found, written, strict=True):
        before.pop("createdBy", None)
        after.pop("agentcron")
        before["status"] = before["status"].lower()
        assert after == before | {"nextRun": after["nextRun"]} if "nextRun" in after else before
    for file in (folder / "executions").iterdir():
        again = json.loads((tmp_path / "out" / "background-jobs" / "executions" / file.name).read_text())
        del again["agentcron"]
        assert again == json.loads(file.read_text())


@pytest.mark.parametrize("key", ["agentId", "prompt", "result", "error"])
async def test_half_of_a_character_in_one_run_keeps_no_job_out(folder: Path, tmp_path: Path, key: str) -> None:
    file = folder / "executions" / "job-1-exec-1.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: "cut inside an emoji \ud83d"}))
    found = jobs_in(folder)
    del found[0]["executionHistory"]
    (folder / "jobs.json").write_text(json.dumps(found))
    store = SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    try:
        moved = await import_original(folder, store)
        assert (moved.jobs, moved.executions) == (3, 3)
        run = await store.get_execution("exec-1")
        assert run is not None
        assert "cut inside an emoji ?" in (run.agent_id, run.prompt, run.result, run.error)
    finally:
        await store.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_slot_that_began_on_the_millisecond_is_not_planned_again(kind: str, tmp_path: Path) -> None:
    (tmp_path / "background-jobs").mkdir()
    began = NOW.isoformat().replace("+00:00", ".000Z")
    run = {"id": "run", "startTime": began, "status": "running", "prompt": "look"}
    job = {"id": "job", "name": "hourly", "cronExpression": "0 * * * *", "prompt": "look", "status": "running"}
    job |= {"created": "2026-02-01T00:00:00.000Z", "nextRun": began, "executionHistory": [run]}
    (tmp_path / "background-jobs" / "jobs.json").write_text(json.dumps([job]))
    store: Any = MemoryStorage() if kind == "memory" else SqliteStorage(tmp_path / "s.sqlite")
    await store.open()
    assert (await import_original(tmp_path / "background-jobs", store)).executions == 1
    factory, start = FakeAgentFactory("echo"), NOW + timedelta(minutes=59)
    async with create_test_environment(storage_plugin=store, agent_factory=factory, start=start) as env:
        await env.plugin.start_background_execution()
        await env.advance(120)
        rows = await env.plugin.get_executions("job", include_skipped=True)
        assert [(row.at, row.status) for row in rows] == [
            (NOW + timedelta(hours=1), _E.SUCCESS),
            (NOW, _E.INCOMPLETE),
        ]


async def test_importing_from_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no such folder"):
        await import_original(tmp_path, MemoryStorage())


def test_which_store_a_path_names(tmp_path: Path) -> None:
    assert isinstance(open_storage(tmp_path), StorageFsPlugin)
    assert isinstance(open_storage(tmp_path / "new.sqlite"), SqliteStorage)
    assert open_storage("fs:data", base=tmp_path).url == f"fs:{tmp_path / 'data'}"
    with pytest.raises(ConfigError, match="is a folder"):
        open_storage(f"sqlite:///{tmp_path}")
    with pytest.raises(ConfigError, match="names no folder"):
        open_storage("fs:")


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = StorageFsPlugin(tmp_path)
    with pytest.raises(StoreUnavailable, match="open it first"):
        await store.get_job("x")
    with pytest.raises(StoreUnavailable, match="open it first"):
        await store.commit([new_job()])
