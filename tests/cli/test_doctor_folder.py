"""What ``doctor`` finds in a folder of JSON files."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentcron.domain import changes
from agentcron.domain.spec_fields import read_spec
from agentcron.storage.json_files import StorageFsPlugin

from .conftest import Command, Result
from .test_commands import finished, program, wait_for_line

FIXTURE = Path(__file__).parent.parent / "fixtures" / "original" / "background-jobs"
posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and modes")


@pytest.fixture
def home(agentcron: Command, tmp_path: Path) -> Path:
    """A folder of ours with one job that ran, as a stop leaves it."""
    agentcron("add", "report", "@daily", "Write it", "--agent", "echo", "--store", "fs:folder")
    agentcron("run", "report", "--store", "fs:folder")
    return tmp_path / "folder" / "background-jobs"


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def found(done: Result, check: str) -> list[tuple[str, str]]:
    return [(row["verdict"], row["detail"]) for row in done.json if row["check"] == check]


def test_a_sound_folder_is_exit_code_0_and_stays_as_it_is(agentcron: Command, home: Path) -> None:
    (home / "agentcron.lock").unlink()
    before = files(home)
    done = agentcron("doctor", "--store", "fs:folder", "--json")
    assert (done.code, done.err) == (0, "")
    assert {row["check"] for row in done.json if row["verdict"] != "ok"} - {"time sync"} == {"scheduler"}
    assert found(done, "store") == [("ok", f"fs:{home.parent}, 1 jobs")]
    assert found(done, "integrity") == [("ok", "every job, execution and log line can be read")]
    assert found(done, "writer") == [("ok", "nobody writes; the files are up to date")]
    assert files(home) == before


@pytest.mark.parametrize("store", ["fs:new", "new.sqlite"])
def test_a_store_that_is_not_there_is_told_and_not_made(agentcron: Command, tmp_path: Path, store: str) -> None:
    done = agentcron("doctor", "--store", store, "--json")
    [(verdict, detail)] = found(done, "store")
    assert (done.code, verdict, "is not there yet" in detail) == (0, "warn", True)
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_folder_can_be_is_a_fault(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = agentcron("doctor", "--store", "fs:file", "--json")
    assert (done.code, [verdict for verdict, _ in found(done, "store")]) == (1, ["fail"])


@pytest.mark.parametrize("store", ["fs:" + "a" * 5000, "a" * 5000])
def test_a_place_that_cannot_even_be_looked_at_is_a_fault(agentcron: Command, store: str) -> None:
    done = agentcron("doctor", "--store", store, "--json")
    [(verdict, detail)] = found(done, "store")
    assert (done.code, verdict, "File name too long" in detail) == (1, "fail", True)


def test_what_was_set_aside_is_told_with_the_place_of_its_bytes(agentcron: Command, tmp_path: Path) -> None:
    home = Path(shutil.copytree(FIXTURE, tmp_path / "old" / "background-jobs"))
    (home / "executions" / "job-1-exec-2.json").write_text('{"id": "exec-2", "sta')
    done = agentcron("doctor", "--store", "fs:old", "--json")
    assert (done.code, done.err) == (1, "")
    [job, execution] = found(done, "integrity")
    assert "job 3 ('Never Right') is set aside: minute: 61 is out of range" in job[1]
    assert f"{home / 'executions' / 'job-1-exec-2.json'}: is set aside" in execution[1]
    for verdict, detail in (job, execution):
        assert verdict == "fail"
        assert Path(detail.rpartition("kept in ")[2]).read_bytes()
    [(verdict, detail)] = found(done, "set aside")
    assert (verdict, detail.count("corrupt/")) == ("warn", 2)


def test_what_was_set_aside_long_ago_is_a_hint_and_no_fault(agentcron: Command, tmp_path: Path) -> None:
    shutil.copytree(FIXTURE, tmp_path / "old" / "background-jobs")
    # A change rewrites the file, and the job in it that is none is gone from there.
    agentcron("pause", "job-1", "--store", "fs:old")
    done = agentcron("doctor", "--store", "fs:old", "--json")
    assert [verdict for verdict, _ in found(done, "integrity")] == ["ok"]
    assert [verdict for verdict, _ in found(done, "set aside")] == ["warn"]


def test_files_of_jobs_that_are_gone_are_a_hint_and_no_fault(agentcron: Command, home: Path) -> None:
    (home / "executions" / "gone-exec-1.json").write_text('{"id": "exec-1", "status": "success"}')
    done = agentcron("doctor", "--store", "fs:folder", "--json")
    assert done.code == 0
    assert found(done, "files") == [
        ("warn", f"{home / 'executions'}: 1 files belong to no job; they are left as they are")
    ]


def test_a_file_that_is_damaged_as_a_whole_is_a_fault_beside_the_other_findings(
    agentcron: Command, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(FIXTURE, tmp_path / "old" / "background-jobs"))
    (home / "jobs.json").write_text('[{"id": "job-1"')
    done = agentcron("doctor", "--store", "fs:old", "--json")
    [(verdict, detail)] = found(done, "store")
    assert (done.code, verdict) == (1, "fail")
    assert "jobs.json is damaged" in detail
    assert (home / "jobs.json.corrupt-1").read_text() == '[{"id": "job-1"'
    assert found(done, "disk")[0][0] == "ok"


@posix
def test_files_that_others_can_read_are_told(agentcron: Command, home: Path) -> None:
    (home / "jobs.json").chmod(0o644)
    done = agentcron("doctor", "--store", "fs:folder", "--json")
    assert found(done, "file modes") == [("warn", f"{home / 'jobs.json'} can be read by others")]
    assert done.code == 0


def test_a_disk_that_is_nearly_full_is_told(agentcron: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 1 << 40, 5 << 20))
    done = agentcron("doctor", "--store", "fs:folder", "--json")
    assert found(done, "disk") == [("warn", "5 MiB free")]


def test_a_folder_that_cannot_be_written_is_a_fault(
    agentcron: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != home / "jobs.json")
    done = agentcron("doctor", "--store", "fs:folder", "--json")
    assert (done.code, found(done, "store")[0]) == (1, ("fail", f"{home / 'jobs.json'} cannot be written"))


def test_files_from_the_future_are_told(agentcron: Command, home: Path) -> None:
    os.utime(home / "jobs.json", (4e9, 4e9))
    [(verdict, detail)] = found(agentcron("doctor", "--store", "fs:folder", "--json"), "clock")
    assert (verdict, "2096-10-02" in detail) == ("warn", True)


# --- the writer ------------------------------------------------------------------------------------------------------


@posix
def test_the_writer_is_named_while_it_lives_and_keeps_its_lock(agentcron: Command, home: Path, tmp_path: Path) -> None:
    scheduler = program("start", "--store", "fs:folder", folder=tmp_path)
    try:
        wait_for_line(scheduler, "Ctrl-C stops")
        done = agentcron("doctor", "--store", "fs:folder", "--json")
        [(verdict, detail)] = found(done, "writer")
        assert (done.code, verdict) == (0, "ok")
        assert f"process {scheduler.pid} writes this folder" in detail
        assert found(done, "scheduler") == [("ok", "is running")]
        refused = agentcron("pause", "report", "--store", "fs:folder")
        assert (refused.code, f"process {scheduler.pid} " in refused.err) == (4, True)
        scheduler.send_signal(signal.SIGKILL)
    finally:
        scheduler.kill()
        finished(scheduler)
    [(verdict, detail)] = found(agentcron("doctor", "--store", "fs:folder", "--json"), "writer")
    assert "nobody writes" in detail


def unfinished(tmp_path: Path) -> Path:
    """A folder whose last change is in the log alone."""

    async def write() -> None:
        store: Any = StorageFsPlugin(tmp_path / "live")
        await store.open()
        project = store._project
        store._project = asyncio.Event().wait
        spec = read_spec({"name": "n", "prompt": "p", "schedule": "0 9 * * *", "agent": "echo"})
        await store.commit([changes.create(spec, "one", datetime(2026, 3, 1, tzinfo=UTC))])
        shutil.copytree(store.folder.path, tmp_path / "cut" / "background-jobs")
        store._project = project
        await store.close()

    asyncio.run(write())
    return tmp_path / "cut" / "background-jobs"


def test_changes_that_the_files_lack_are_told_and_the_next_change_writes_them(
    agentcron: Command, tmp_path: Path
) -> None:
    home = unfinished(tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (home / "agentcron.lock").write_text(f"{gone.pid}\n")
    size = (home / "agentcron.jsonl").stat().st_size
    done = agentcron("doctor", "--store", "fs:cut", "--json")
    [(verdict, detail)] = found(done, "writer")
    assert (done.code, verdict) == (0, "warn")
    assert f"the last writer was cut: agentcron.jsonl holds {size} bytes that the files lack" in detail
    assert not (home / "jobs.json").exists()
    agentcron("pause", "one", "--store", "fs:cut")
    assert json.loads((home / "jobs.json").read_text())[0]["status"] == "paused"
    done = agentcron("doctor", "--store", "fs:cut", "--json")
    assert found(done, "writer") == [("ok", "nobody writes; the files are up to date")]


@pytest.mark.parametrize("note", ["", "no number", "-1", "99999999999999"])
def test_a_lock_file_that_names_no_process_is_nobodys(agentcron: Command, home: Path, note: str) -> None:
    (home / "agentcron.lock").write_text(note)
    assert "nobody writes" in found(agentcron("doctor", "--store", "fs:folder", "--json"), "writer")[0][1]


def test_a_process_that_is_younger_than_the_lock_file_does_not_hold_it(agentcron: Command, home: Path) -> None:
    (home / "agentcron.lock").write_text(f"{os.getpid()}\n")
    assert f"process {os.getpid()} " in found(agentcron("doctor", "--store", "fs:folder", "--json"), "writer")[0][1]
    os.utime(home / "agentcron.lock", (1e9, 1e9))
    assert "nobody writes" in found(agentcron("doctor", "--store", "fs:folder", "--json"), "writer")[0][1]
