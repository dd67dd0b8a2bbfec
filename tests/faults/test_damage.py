"""Damaged files: no crash, never a store that is silently empty, everything that is whole is kept.

Every truncation of a jobs.json of 4 KB, single flipped bytes in each file of a folder, and torn or overwritten pages of
a SQLite file.
"""

from __future__ import annotations

import contextlib
import logging
import random
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentcron import (
    AgentcronError,
    BackgroundJobsPlugin,
    ExecutionFilters,
    JobFilters,
    SqliteStorage,
    StorageFsPlugin,
    StoreUnavailable,
)
from agentcron.domain.model import Job
from agentcron.storage.json_files.files import folder_of
from agentcron.storage.sqlite.checking import damage
from agentcron.testing import FakeAgentFactory, FakeClock

FLIPS = 500


def plugin_on(store: SqliteStorage | StorageFsPlugin) -> BackgroundJobsPlugin:
    return BackgroundJobsPlugin(storage_plugin=store, agent_factory=FakeAgentFactory(), clock=FakeClock())


@pytest.fixture(autouse=True)
def _quiet() -> object:
    """Thousands of damages are logged."""
    logger = logging.getLogger("agentcron")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


async def make_folder(place: Path, jobs: int = 5, *, runs: int = 1) -> None:
    plugin = plugin_on(StorageFsPlugin(place))
    clock = plugin._clock
    assert isinstance(clock, FakeClock)
    for number in range(jobs):
        await plugin.create_job(f"job {number}", "* * * * *", f"the prompt of job {number}", tags=[f"t{number}"])
    for _ in range(runs):
        await clock.advance(timedelta(minutes=1))
        await plugin.force_evaluation()
    await plugin.close()


@contextlib.asynccontextmanager
async def opened(place: Path) -> AsyncIterator[tuple[BackgroundJobsPlugin, StorageFsPlugin]]:
    store = StorageFsPlugin(place)
    plugin = plugin_on(store)
    try:
        yield plugin, store
    finally:
        await plugin.close()


async def test_a_jobs_json_cut_at_any_byte_is_rebuilt_whole(fast_path: Path) -> None:
    """With the snapshot beside it nothing is lost, wherever the file ends."""
    await make_folder(fast_path / "made", 3)
    folder = folder_of(fast_path / "made").path
    clean = contents(folder)
    data = clean[Path("jobs.json")]
    assert 3_500 < len(data) < 7_000
    rebuilt = 0
    for length in range(len(data)):
        (folder / "jobs.json").write_bytes(data[:length])
        store = StorageFsPlugin(fast_path / "made")
        await store.open()
        jobs = (await store.list_jobs(JobFilters())).items
        assert [job.name for job in jobs] == ["job 0", "job 1", "job 2"], length
        assert len((await store.list_executions(ExecutionFilters(), 10)).items) == 3, length
        if length < len(data) - 1:
            assert any("jobs.json is damaged" in line and "bytes are kept in" in line for line in store.problems)
            assert [path for path in folder.glob("jobs.json.corrupt-*") if path.read_bytes() == data[:length]]
            rebuilt += 1
        await store.close()
        forget_copies(folder)
    print(f"\njobs.json of {len(data)} bytes cut at each of them: {rebuilt} told and rebuilt whole")  # noqa: T201
    (folder / "jobs.json").write_bytes(data[: len(data) // 2])
    async with opened(fast_path / "made") as (plugin, _):
        await plugin.create_job("after", "every 1h", "look")
    assert await names_in(fast_path / "made") == ["job 0", "job 1", "job 2", "after"]


async def test_a_jobs_json_of_the_original_cut_at_any_byte_is_never_an_empty_store(fast_path: Path) -> None:
    """With nothing to rebuild it from, opening is refused, and the file stays as it is."""
    shutil.copytree("tests/fixtures/original", fast_path / "theirs")
    folder = folder_of(fast_path / "theirs").path
    data = (folder / "jobs.json").read_bytes().rstrip()
    for length in range(len(data)):
        (folder / "jobs.json").write_bytes(data[:length])
        with pytest.raises(StoreUnavailable, match=r"jobs.json is damaged .*mend the file, or remove it"):
            await StorageFsPlugin(fast_path / "theirs").open()
        assert (folder / "jobs.json").read_bytes() == data[:length]
        forget_copies(folder)
    print(f"\nthe original's jobs.json of {len(data)} bytes: each of its truncations is refused")  # noqa: T201


@pytest.mark.parametrize("name", ["jobs.json", "agentcron.json"])
async def test_any_flipped_byte_leaves_every_undamaged_job(name: str, fast_path: Path) -> None:
    await make_folder(fast_path / "made", 4)
    folder = folder_of(fast_path / "made").path
    clean = contents(folder)
    before = await jobs_of(fast_path / "made")
    chance = random.Random(20260301)
    lost = kept = 0
    for number in range(FLIPS // 2):
        restore(folder, clean)
        data = bytearray(clean[Path(name)])
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(data)
        async with opened(fast_path / "made") as (plugin, store):
            jobs = {job.id: job for job in await plugin.get_jobs()}
            same = [key for key, job in before.items() if jobs.get(key) is not None and alike(jobs[key], job)]
            # One byte lies in one job: the others are as they were. It may make a sound edit of that one.
            assert len(same) >= len(before) - 1, (name, number, place, store.problems)
            assert len(jobs) >= len(before) or store.problems, (name, number, place)
            kept += len(same) == len(before)
            lost += len(jobs) < len(before)
            await plugin.create_job("another", "every 1h", "look")
    print(f"\n{name}: {FLIPS // 2} flips, {kept} without any effect on a job, {lost} jobs set aside")  # noqa: T201


async def test_any_flipped_byte_of_the_log_leaves_every_undamaged_line(fast_path: Path) -> None:
    """The log as a crash leaves it: the only place of what was acknowledged last."""
    store = StorageFsPlugin(fast_path / "made")
    plugin = plugin_on(store)
    folder = folder_of(fast_path / "made").path
    ids, lines = [], b""
    first = await plugin.create_job("first", "every 1h", "look")
    await plugin.close()
    clean = contents(folder)
    for number in range(6):
        ids.append(await plugin.create_job(f"job {number}", "every 1h", f"the prompt of job {number}"))
        log = folder / "agentcron.jsonl"
        new = log.read_bytes()
        lines += b"".join(line for line in new.splitlines(keepends=True) if f'"job {number}"'.encode() in line)
        await plugin.close()
    assert lines.count(b"\n") == 6
    chance = random.Random(7)
    damaged = 0
    for number in range(FLIPS // 2):
        restore(folder, clean)
        data = bytearray(lines)
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        (folder / "agentcron.jsonl").write_bytes(data)
        async with opened(fast_path / "made") as (again, opened_store):
            names = [job.id for job in await again.get_jobs()]
            hit = bytes(lines)[:place].count(b"\n")
            assert names[0] == first
            # A line end that is flipped glues two lines together.
            spared = [key for line, key in enumerate(ids) if line not in (hit, hit + 1)]
            assert set(spared) <= set(names), (number, place)
            assert len(names) == 7 or opened_store.problems or hit == 5, (number, place)
            damaged += len(names) < 7
    print(f"\nagentcron.jsonl: {FLIPS // 2} flips, {damaged} lines set aside")  # noqa: T201


async def jobs_of(place: Path) -> dict[str, Job]:
    async with opened(place) as (plugin, _):
        return {job.id: job for job in await plugin.get_jobs()}


def alike(one: Job, other: Job) -> bool:
    return (one.spec, one.state, one.next_slot) == (other.spec, other.state, other.next_slot)


async def names_in(place: Path) -> list[str]:
    return [job.name for job in (await jobs_of(place)).values()]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def forget_copies(folder: Path) -> None:
    """Thousands of copies of damaged files would each be compared with the next."""
    for copy in folder.glob("*.corrupt-*"):
        copy.unlink()


def restore(folder: Path, clean: dict[Path, bytes]) -> None:
    shutil.rmtree(folder)
    for name, data in clean.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


# --- SQLite -----------------------------------------------------------------------------------------------------------


async def make_file(place: Path, jobs: int = 30) -> None:
    plugin = plugin_on(SqliteStorage(place))
    clock = plugin._clock
    assert isinstance(clock, FakeClock)
    for number in range(jobs):
        await plugin.create_job(f"job {number}", "* * * * *", f"the prompt of job {number} " * 20)
    for _ in range(3):
        await clock.advance(timedelta(minutes=1))
        await plugin.force_evaluation()
    await plugin.close()


async def read_all(place: Path) -> tuple[int, int]:
    """How many jobs and executions there are, every column and text read."""
    store = SqliteStorage(place)
    try:
        await store.open()
        jobs = (await store.list_jobs(JobFilters(), limit=1000)).items
        rows = (await store.list_executions(ExecutionFilters(), 1000)).items
        for row in rows:
            await store.get_execution(row.id)
        await store.statistics()
        return len(jobs), len(rows)
    finally:
        await store.close()


def content(path: Path) -> list[list[object]] | None:
    """Every row of every table, the bytes of texts as they are; None where they cannot be read."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        try:
            tables = ("jobs", "job_versions", "executions", "texts", "tallies", "nodes")
            return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
        except (sqlite3.Error, UnicodeDecodeError):
            return None


async def test_a_file_cut_short_is_refused_or_whole_and_never_fewer_jobs(fast_path: Path) -> None:
    await make_file(fast_path / "made.sqlite")
    data = (fast_path / "made.sqlite").read_bytes()
    chance = random.Random(3)
    pages = range(0, len(data), 4096)
    lengths = {0, 1, 15, 16, 99, 100, 511, 512, *pages, *(chance.randrange(len(data)) for _ in range(60))}
    for length in sorted(lengths):
        (fast_path / "cut").mkdir()
        path = fast_path / "cut" / "s.sqlite"
        path.write_bytes(data[:length])
        (fast_path / "cut" / "s.sqlite-nodes").mkdir()
        with pytest.raises(StoreUnavailable, match=r"cut/s.sqlite: is (damaged|empty).*(restore a backup)"):
            await read_all(path)
        assert path.read_bytes() == data[:length], "the evidence was changed"
        shutil.rmtree(fast_path / "cut")
    print(f"\na file of {len(data)} bytes cut at {len(lengths)} places: each refused, none touched")  # noqa: T201


async def test_an_empty_file_that_nobody_used_yet_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "s.sqlite").touch(0o600)
    assert await read_all(tmp_path / "s.sqlite") == (0, 0)


async def test_a_torn_log_loses_no_more_than_its_end_and_no_half_change(fast_path: Path) -> None:
    """A log that a crash of the machine tore: what was written before the tear is whole."""
    plugin = plugin_on(SqliteStorage(fast_path / "live.sqlite"))
    known = []
    sizes = []
    wal = fast_path / "live.sqlite-wal"
    for number in range(12):
        known.append(await plugin.create_job(f"job {number}", "every 1h", "look " * 300))
        sizes.append(wal.stat().st_size)
    base, log = (fast_path / "live.sqlite").read_bytes(), wal.read_bytes()
    await plugin.close()
    for length in range(0, len(log) + 1, 1777):
        shutil.rmtree(fast_path / "torn", ignore_errors=True)
        (fast_path / "torn").mkdir()
        (fast_path / "torn" / "s.sqlite").write_bytes(base)
        (fast_path / "torn" / "s.sqlite-wal").write_bytes(log[:length])
        whole = sum(size <= length for size in sizes)
        again = plugin_on(SqliteStorage(fast_path / "torn" / "s.sqlite"))
        assert [job.id for job in await again.get_jobs()] == known[:whole]
        await again.create_job("after", "every 1h", "look")
        await again.close()
        with contextlib.closing(sqlite3.connect(fast_path / "torn" / "s.sqlite")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_damaged_page_is_an_error_with_its_place_or_changes_no_number(
    fast_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make_file(fast_path / "made.sqlite")
    data = (fast_path / "made.sqlite").read_bytes()
    whole, sound = await read_all(fast_path / "made.sqlite"), content(fast_path / "made.sqlite")
    assert whole == (30, 90)
    chance = random.Random(11)
    told = found_by_doctor = changed = missed = 0
    for number in range(200):
        damaged = bytearray(data)
        place = chance.randrange(len(data) - 16)
        damaged[place : place + 16] = chance.randbytes(16)
        path = fast_path / f"{number}.sqlite"
        path.write_bytes(damaged)
        logging.getLogger("agentcron").setLevel(logging.ERROR)
        caplog.clear()
        message = ""
        try:
            found = await read_all(path)
        except AgentcronError as error:
            message = str(error)
        if message:
            assert str(path) in message, (number, place, message)
            assert re.search("doctor|restore|name another place", message), (number, place, message)
            told += 1
        else:
            # A status that is no word any more hides its run from a list: what was made to find it is the doctor.
            assert found == whole or str(path) in caplog.text or damage(path), (number, place, found)
            told += found != whole
        found_by_doctor += (seen := bool(message or damage(path)))
        changed += (hurt := content(path) != sound)
        missed += hurt and not seen
        path.unlink()
    seen_all = f"{found_by_doctor} by reading or a check"
    print(f"\n200 damages of 16 bytes: {changed} changed what is stored; {told} told by reading, {seen_all}")  # noqa: T201
    assert told >= 30
    assert missed <= changed / 10
