"""A copy of the store while it is in use, and the copy used as a store."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentcron import BackgroundJobsPlugin, ConflictError, SqliteStorage, StorageFsPlugin, StoreError, StoreUnavailable
from agentcron.ports import JobStore
from agentcron.testing import FakeAgentFactory, FakeClock, create_test_environment

KINDS = ["sqlite", "json folder"]


def store_at(kind: str, place: Path) -> JobStore:
    return SqliteStorage(place) if kind == "sqlite" else StorageFsPlugin(place)


def plugin_on(store: JobStore) -> BackgroundJobsPlugin:
    return BackgroundJobsPlugin(storage_plugin=store, agent_factory=FakeAgentFactory(), clock=FakeClock())


@asynccontextmanager
async def writing(plugin: BackgroundJobsPlugin) -> AsyncIterator[list[str]]:
    """Jobs are created one after another meanwhile; the list holds the ids that were acknowledged."""
    known: list[str] = []

    async def write() -> None:
        while True:
            known.append(await plugin.create_job(f"job {len(known)}", "every 1h", "look " * 50))

    task = asyncio.create_task(write())
    try:
        yield known
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_copy_taken_while_jobs_are_written_holds_every_acknowledged_one(kind: str, tmp_path: Path) -> None:
    plugin = plugin_on(store_at(kind, tmp_path / "live"))
    copies: list[list[str]] = []
    async with writing(plugin) as known:
        for number in range(5):
            while len(known) < 15 * (number + 1):
                await asyncio.sleep(0)
            acknowledged = list(known)
            assert await plugin.backup(tmp_path / f"copy {number}") > 0
            copy = plugin_on(store_at(kind, tmp_path / f"copy {number}"))
            copies.append([job.id for job in await copy.get_jobs()])
            await copy.close()
            assert copies[-1][: len(acknowledged)] == acknowledged
    # A copy may hold one of which the caller is not told yet, so what they are compared with is the store itself.
    written = [job.id for job in await plugin.get_jobs()]
    assert copies == [written[: len(there)] for there in copies]
    await plugin.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_restored_copy_has_the_history_the_open_runs_and_the_sums(kind: str, tmp_path: Path) -> None:
    store = store_at(kind, tmp_path / "live")
    async with create_test_environment(storage_plugin=store) as env:
        job_id = await env.plugin.create_job("often", "* * * * *", "look", metadata={"a": 1})
        await env.plugin.start_background_execution()
        await env.advance(3 * 60)
        waiting = await env.plugin.create_job("later", "0 9 * * *", "look")
        await env.plugin.pause_job(waiting)
        runs = await env.plugin.get_executions(job_id)
        await env.plugin.backup(tmp_path / "copy")
        sums = await env.plugin.get_statistics()
    copy = plugin_on(store_at(kind, tmp_path / "copy"))
    restored = await copy.get_executions(job_id)
    assert [(run.id, run.status, run.result, run.prompt) for run in restored] == [
        (run.id, run.status, run.result, run.prompt) for run in runs
    ]
    job, other = await copy.get_job(job_id), await copy.get_job(waiting)
    assert job is not None
    assert other is not None
    assert (job.metadata, other.status) == ({"a": 1}, "PAUSED")
    assert await copy.get_statistics() == sums
    await copy.start_background_execution()
    await copy.close()


async def test_a_copy_of_sqlite_is_one_sound_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    plugin = plugin_on(SqliteStorage(tmp_path / "live.sqlite"))
    await plugin.create_job("a", "every 1h", "look")
    (tmp_path / "kept").mkdir()
    size = await plugin.backup(tmp_path / "kept" / "copy.sqlite")
    await plugin.close()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["copy.sqlite"]
    copy = tmp_path / "kept" / "copy.sqlite"
    assert (stat.S_IMODE(copy.stat().st_mode), copy.stat().st_size) == (0o600, size)
    connection = sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_files_of_a_copied_folder_are_private_and_readable_by_the_original(tmp_path: Path) -> None:
    shutil.copytree("tests/fixtures/original", tmp_path / "live")
    plugin = plugin_on(StorageFsPlugin(tmp_path / "live"))
    jobs = await plugin.get_jobs()
    await plugin.backup(tmp_path / "copy")
    runs = {job.id: [run.id for run in await plugin.get_executions(job.id)] for job in jobs}
    await plugin.close()
    places = [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]
    assert not [path for path in places if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.is_dir()]
    written = json.loads((tmp_path / "copy" / "background-jobs" / "jobs.json").read_text())
    assert {job["id"] for job in written} == {job.id for job in jobs}
    copy = plugin_on(StorageFsPlugin(tmp_path / "copy"))
    assert {job.id: [run.id for run in await copy.get_executions(job.id)] for job in jobs} == runs
    await copy.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_copy_replaces_nothing_unless_it_is_told_to(kind: str, tmp_path: Path) -> None:
    plugin = plugin_on(store_at(kind, tmp_path / "live"))
    await plugin.create_job("a", "every 1h", "look")
    await plugin.backup(tmp_path / "copy")
    if kind == "json folder":
        with pytest.raises(ConflictError, match=r"copy: exists already; name another place"):
            await plugin.backup(tmp_path / "copy")
    second = await plugin.create_job("b", "every 1h", "look")
    await plugin.backup(tmp_path / "copy", overwrite=True)
    copy = plugin_on(store_at(kind, tmp_path / "copy"))
    assert await copy.get_job(second) is not None
    await copy.close()
    inside = ["live", "live/background-jobs", "live/background-jobs/copy"]
    for own in inside if kind == "json folder" else ["live", "live-wal", "live-nodes"]:
        with pytest.raises(ConflictError, match="belongs to the store itself"):
            await plugin.backup(tmp_path / own, overwrite=True)
    assert await plugin.get_job(second) is not None
    await plugin.close()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


async def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    plugin = plugin_on(SqliteStorage(tmp_path / "live"))
    await plugin.create_job("a", "every 1h", "look")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConflictError, match=r"mine.txt: exists already; .*--force"):
        await plugin.backup(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await plugin.backup(tmp_path / "no such folder" / "copy")
    await plugin.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_where_there_is_no_store_none_is_made(kind: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no store to back up"):
        await plugin_on(store_at(kind, tmp_path / "none")).backup(tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


async def test_a_store_in_memory_has_nothing_to_copy(tmp_path: Path) -> None:
    async with create_test_environment() as env:
        with pytest.raises(StoreError, match="memory"):
            await env.plugin.backup(tmp_path / "copy")


async def test_a_damaged_file_makes_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    plugin = plugin_on(SqliteStorage(path))
    for number in range(40):
        await plugin.create_job(f"job {number}", "every 1h", "look " * 100)
    await plugin.close()
    data = bytearray(path.read_bytes())
    for page in range(3, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(data)
    with pytest.raises(StoreUnavailable, match=r"live.sqlite: is damaged .*restore an? (earlier )?backup"):
        await SqliteStorage(path).backup(tmp_path / "copy.sqlite")
    assert [item.name for item in tmp_path.iterdir() if "copy" in item.name] == []


async def test_a_process_of_its_own_backs_up_while_a_scheduler_runs(tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text('[agents.broken]\nkind = "command"\ncommand = ["/no/such/program"]\n')

    async def call(*words: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentcron", *words, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, error = await process.communicate()
        return process.returncode, out.decode(), error.decode()

    plugin = plugin_on(SqliteStorage(tmp_path / "agentcron.sqlite"))
    await plugin.start_background_execution()
    async with writing(plugin) as known:
        while len(known) < 20:
            await asyncio.sleep(0)
        acknowledged = list(known)
        code, out, error = await call("backup", "copy.sqlite", "--json")
        assert (code, error) == (0, "")
        told = json.loads(out)
        assert told == {"file": str(tmp_path / "copy.sqlite"), "bytes": (tmp_path / "copy.sqlite").stat().st_size}
        code, out, error = await call("backup", "copy.sqlite")
        assert (code, out) == (4, "")
        assert "copy.sqlite: exists already" in error
        assert (await call("backup", "copy.sqlite", "--force"))[0] == 0
    await plugin.close()
    copy = plugin_on(SqliteStorage(tmp_path / "copy.sqlite"))
    assert [job.id for job in await copy.get_jobs()][: len(acknowledged)] == acknowledged
    assert await copy.scheduler_alive() is False
    await copy.close()
