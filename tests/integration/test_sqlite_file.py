"""The SQLite file: its mode, its age, its faults, and several processes at once."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentcron import BackgroundJobsPlugin, ExecutionStatus, SqliteStorage, StoreError, StoreTooNew, StoreUnavailable
from agentcron.domain import changes
from agentcron.domain.queries import JobFilters
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.sqlite.connection import migrations
from agentcron.testing import FakeAgentFactory, FakeClock
from agentcron.testing.clock import settle_loop


async def opened(path: Path) -> SqliteStorage:
    store = SqliteStorage(path)
    await store.open()
    return store


async def test_only_the_owner_may_read_the_store(tmp_path: Path) -> None:
    plugin = BackgroundJobsPlugin(storage_plugin=tmp_path / "new" / "s.sqlite", agent_factory=FakeAgentFactory())
    await plugin.create_job("a", "every 1h", "secret plan")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    await plugin.close()
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


async def test_a_store_of_a_newer_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    await (await opened(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=rf"schema 999, this one knows {len(migrations())}.*upgrade"):
        await opened(path)
    assert path.read_bytes() == before


async def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        await opened(path)


async def test_the_log_of_a_process_that_only_creates_jobs_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentcron.storage.sqlite.writer.LONG_LOG_BYTES", 300_000)
    store = await opened(tmp_path / "s.sqlite")
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=FakeAgentFactory())
    log = tmp_path / "s.sqlite-wal"
    sizes = []
    for turn in range(12):
        await asyncio.gather(*(plugin.create_job(f"{turn} {n}", "every 1h", "x" * 1000) for n in range(50)))
        sizes.append(log.stat().st_size)
    # The written pages of twelve such groups are more than 2 MB.
    assert max(sizes) < 900_000
    await plugin.close()
    assert len(await plugin.get_jobs()) == 600
    await plugin.close()


@pytest.mark.parametrize(
    "content", [b"no database, but long enough to be one" * 40, b"SQLite format 3\0" + b"\xff" * 5000]
)
async def test_a_damaged_file_is_told_with_what_to_do_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"damaged or not a SQLite file.*doctor"):
        await opened(path)
    assert path.read_bytes() == content


async def test_a_short_text_is_no_store_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "hostname"
    path.write_text("a\n")
    with pytest.raises(StoreUnavailable, match="is no SQLite file; name another place"):
        await SqliteStorage(path).open()
    assert path.read_text() == "a\n"


async def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be made or written") as caught:
        await opened(blocker / "s.sqlite")
    assert "\n" not in str(caught.value)


async def test_a_text_that_was_changed_on_disk_is_not_believed(tmp_path: Path) -> None:
    plugin = BackgroundJobsPlugin(storage_plugin=tmp_path / "s.sqlite", agent_factory=FakeAgentFactory("the answer"))
    job_id = await plugin.create_job("a", "every 1h", "p")
    run = await plugin.run_here(await plugin.run_job_now(job_id))
    assert run.result == "the answer"
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("UPDATE texts SET body = CAST('another one' AS BLOB)")
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        await plugin.get_execution(run.id)
    await plugin.close()


async def test_a_refused_change_leaves_its_neighbours_of_the_same_group(tmp_path: Path) -> None:
    store = await opened(tmp_path / "s.sqlite")
    good = [store._write(lambda tx, n=n: tx.execute("INSERT INTO meta VALUES (?, 'x')", (f"k{n}",))) for n in range(5)]
    bad = store._write(lambda tx: tx.execute("INSERT INTO meta VALUES ('k2', 'again')"))
    results = await asyncio.gather(*good[:3], bad, *good[3:], return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, False, False, True, False, False]
    rows = store._read(lambda connection: connection.execute("SELECT count(*) FROM meta WHERE value = 'x'").fetchone())
    assert rows == (5,)
    await store.close()


async def test_a_thousand_jobs_due_at_once_each_run_once_within_the_places(tmp_path: Path) -> None:
    clock, factory = FakeClock(datetime(2026, 1, 1, tzinfo=UTC)), FakeAgentFactory(max_concurrent_agents=25)
    store = SqliteStorage(tmp_path / "s.sqlite")
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory, clock=clock)
    ids = await asyncio.gather(*(plugin.create_job(f"job {n}", "every 1h", "p") for n in range(1000)))
    await plugin.start_background_execution()
    await clock.advance(timedelta(hours=1))
    async with asyncio.timeout(60):
        while (await plugin.get_statistics()).total_executions < 1000:
            await settle_loop()
    for job_id in ids[::50]:
        [run] = await plugin.get_executions(job_id)
        assert (run.status, run.scheduled_for) == (ExecutionStatus.SUCCESS, clock.now())
    assert len({context.execution_id for context in factory.contexts}) == 1000
    assert factory.most_at_once <= 25
    await plugin.close()


WRITER = """
import asyncio, sys
from agentcron import BackgroundJobsPlugin
from agentcron.testing import FakeAgentFactory

async def main(path, name):
    plugin = BackgroundJobsPlugin(storage_plugin=path, agent_factory=FakeAgentFactory())
    for number in range(60):
        job_id = await plugin.create_job(f"{name} {number}", "every 1h", "p")
        assert await plugin.pause_job(job_id)
    await plugin.close()

asyncio.run(main(*sys.argv[1:]))
"""

SCHEDULER = """
import asyncio, os, sys
from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin

async def work(prompt, context):
    with open(sys.argv[2], "a") as log:
        log.write(f"{context.job_id} {context.scheduled_for} {context.attempt} {os.getpid()}\\n")
    return "ok"

async def main(path):
    agents = AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work")
    async with BackgroundJobsPlugin(storage_plugin=path, agent_factory=agents) as plugin:
        await asyncio.sleep(5)

asyncio.run(main(sys.argv[1]))
"""


def start(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-W", "error", "-c", code, *arguments], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told.decode()


async def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [start(WRITER, str(tmp_path / "s.sqlite"), f"writer {number}") for number in range(3)]
    for writer in writers:
        finish(writer)
    store = await opened(tmp_path / "s.sqlite")
    jobs = (await store.list_jobs(JobFilters(), limit=1000)).items
    assert len({job.name for job in jobs}) == 180
    assert {job.status.value for job in jobs} == {"PAUSED"}
    await store.close()


async def test_two_schedulers_on_one_store_start_each_slot_once(tmp_path: Path) -> None:
    path, log = str(tmp_path / "s.sqlite"), tmp_path / "log"
    plugin = BackgroundJobsPlugin(storage_plugin=path, agent_factory=FakeAgentFactory(known=("fake", "work")))
    for number in range(20):
        await plugin.create_job(f"job {number}", "* * * * * *", "p", agent="work", overlap="allow_all")
    await plugin.close()
    schedulers = [start(SCHEDULER, path, str(log)) for _ in range(2)]
    for process in schedulers:
        finish(process)
    starts = [line.rsplit(" ", 1) for line in log.read_text().splitlines()]
    assert len(starts) >= 40
    assert len({slot for slot, _ in starts}) == len(starts)


async def test_of_many_jobs_created_at_once_one_that_is_refused_leaves_all_others(tmp_path: Path) -> None:
    plugin = BackgroundJobsPlugin(storage_plugin=tmp_path / "s.sqlite", agent_factory=FakeAgentFactory())
    await plugin.create_job("first", "every 1h", "x")
    asked = [plugin.make_job(f'{n} é\\"', "0 9 * * *", "p" * (n + 1), key=f"{n}", tags=["t"]) for n in range(60)]
    twice = [plugin.make_job("again", "0 9 * * *", "x", key="7") for _ in range(2)]
    answers = await asyncio.gather(*asked, *twice)
    assert [made for _, made in answers] == [True] * 60 + [False] * 2
    assert [job.name for job, _ in answers[60:]] == ['7 é\\"'] * 2
    ids = [job.id for job, _ in answers[:60]]
    await plugin.close()
    again = BackgroundJobsPlugin(storage_plugin=tmp_path / "s.sqlite", agent_factory=FakeAgentFactory())
    jobs = await again.get_jobs()
    assert [(job.id, job.name, job.prompt, job.tags) for job in jobs[1:]] == [
        (ids[n], f'{n} é\\"', "p" * (n + 1), ("t",)) for n in range(60)
    ]
    await again.close()


async def test_a_job_may_be_changed_in_the_very_write_that_creates_it(tmp_path: Path) -> None:
    store = await opened(tmp_path / "s.sqlite")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    spec = read_spec({"name": "a", "schedule": "every 1h", "prompt": "x"})
    made = [changes.create(spec, f"{n:016x}", now) for n in range(6)]
    job = made[3].job_after
    assert job is not None
    run = changes.run_now(job, now, "f" * 26)
    assert run is not None
    assert await store.commit([*made, run]) == [True] * 7
    assert [row.id for row in await store.open_executions()] == ["f" * 26]
    await store.close()
