"""Jobs and history between the store and a folder of the original plugin."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentcron.errors import StoreUnavailable
from agentcron.storage.sqlite import SqliteStorage

from .conftest import Command
from .test_commands import finished, program, wait_for_line

FIXTURE = Path(__file__).parent.parent / "fixtures" / "original" / "background-jobs"


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A folder of the original, of four jobs; one of them has an impossible expression."""
    shutil.copytree(FIXTURE, tmp_path / "old" / "background-jobs")
    return tmp_path / "old"


def entry(number: int, **values: Any) -> dict[str, Any]:
    """A job as the original writes it."""
    return {"id": f"job-{number}", "name": f"job {number}", "cronExpression": "0 9 * * *", "prompt": "p",
            "status": "waiting", "created": "2026-02-20T08:15:30.123Z", "executionHistory": [], **values}  # fmt: skip


def write(folder: Path, entries: list[dict[str, Any]]) -> Path:
    (folder / "background-jobs").mkdir(parents=True)
    (folder / "background-jobs" / "jobs.json").write_text(json.dumps(entries, indent=2))
    return folder


def one_line(text: str) -> str:
    assert text.startswith("agentcron: ")
    assert text.count("\n") == 1, text
    return text


def everything(agentcron: Command, *options: str) -> tuple[Any, Any, Any]:
    """All that the commands tell of a store."""
    jobs = agentcron("list", "--json", *options).json
    runs = agentcron("runs", "--all", "--limit", "1000", "--json", *options).json
    talks = {run["id"]: agentcron("logs", run["id"], "--json", *options).json["conversation"] for run in runs}
    for run in runs:
        del run["version"]  # the rules of earlier versions stay behind; the prompt of each run comes along
    return jobs, sorted(runs, key=lambda run: str(run["id"])), talks


# --- import ----------------------------------------------------------------------------------------------------------


def test_an_import_tells_what_was_moved_and_what_was_set_aside(
    agentcron: Command, original: Path, tmp_path: Path
) -> None:
    done = agentcron("import", "original", "old")
    assert done.code == 1
    first, *more = done.out.splitlines()
    store = f"sqlite:///{tmp_path / 'data' / 'agentcron' / 'agentcron.sqlite'}"
    assert first == f"imported 3 jobs and 3 executions from {original / 'background-jobs'} into {store}"
    assert "Europe/Berlin (the zone of this machine)" in more[0]
    assert "'Never Right') is set aside: minute: 61" in more[1]
    kept = Path(more[1].rpartition("kept in ")[2])
    assert json.loads(kept.read_text())["cronExpression"] == "61 25 * * *"
    assert "the agent 'background-job', which cannot work here" in done.err
    assert "no scheduler is running" in done.err
    shown = agentcron("show", "job-1", "--json").json
    assert (shown["name"], shown["cron_expression"], shown["timezone"]) == (
        "Daily Report",
        "0 9 * * *",
        "Europe/Berlin",
    )
    assert shown["metadata"] == {"owner": "ops", "limits": {"pages": 2}}
    [run, _] = agentcron("runs", "job-1", "--json").json[::-1]
    assert (run["id"], run["status"], run["agent_id"]) == ("exec-1", "SUCCESS", "agent-background-job-1")
    assert run["result"] == "All systems nominal – 3 notes"


def test_importing_twice_adds_nothing_twice(agentcron: Command, original: Path) -> None:
    agentcron("import", "original", "old")
    agentcron("edit", "job-1", "--prompt", "mine")
    before = everything(agentcron)
    done = agentcron("import", "original", "old/background-jobs", "--json")
    assert (done.json["jobs"], done.json["executions"], done.json["known"]) == (0, 0, ["job-1", "job-2", "job-3"])
    told = agentcron("import", "original", "old").out
    assert "imported 0 jobs and 0 executions" in told
    assert "known  3 jobs were there already, left as they are with their history: job-1, job-2, job-3" in told
    assert everything(agentcron) == before


def test_an_import_of_sound_files_is_exit_code_0_and_takes_the_zone_that_is_named(
    agentcron: Command, tmp_path: Path
) -> None:
    write(tmp_path / "old", [entry(1), entry(2, metadata={"a": 1})])
    done = agentcron("import", "original", "old", "--timezone", "Asia/Tokyo", "--json")
    assert (done.code, done.json["jobs"], done.json["problems"], done.json["timezone"]) == (0, 2, [], "Asia/Tokyo")
    assert agentcron("show", "job-2", "--json").json["timezone"] == "Asia/Tokyo"


def test_what_is_imported_is_run_by_the_agent_of_jobs_that_name_none(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text('[agents.mine]\nkind = "command"\ncommand = ["cat"]\n')
    write(tmp_path / "old", [entry(1)])
    done = agentcron("import", "original", "old")
    assert (done.code, "cannot work here" in done.err) == (0, False)
    assert agentcron("run", "job-1", "--wait", "--json").json["result"] == "p"


def test_the_folder_that_is_imported_stays_as_it_is(agentcron: Command, tmp_path: Path) -> None:
    folder = write(tmp_path / "old", [entry(1)])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert agentcron("import", "original", "old").code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_runs_of_two_folders_that_are_numbered_alike_are_both_kept(agentcron: Command, tmp_path: Path) -> None:
    for number in (1, 2):
        run = {"id": "exec-1", "agentId": "a", "startTime": "2026-02-27T09:00:00.000Z", "status": "success",
               "endTime": "2026-02-27T09:00:01.000Z", "prompt": "p", "result": f"of {number}"}  # fmt: skip
        write(tmp_path / f"old-{number}", [entry(number, executionHistory=[run])])
        assert agentcron("import", "original", f"old-{number}").code == 0
    for number in (1, 2):
        assert [run["result"] for run in agentcron("runs", f"job-{number}", "--json").json] == [f"of {number}"]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (None, "there is no such folder; name the one that holds background-jobs"),
        ("file", "there is no such folder"),
        ("empty", "there is no jobs.json in it"),
        ("torn", "jobs.json is damaged"),
        ("unjust", "none of its entries is a job"),
    ],
)
def test_files_that_cannot_be_imported_are_one_line_and_leave_no_job(
    agentcron: Command, tmp_path: Path, made: str | None, told: str
) -> None:
    home = tmp_path / "old" / "background-jobs"
    if made == "file":
        (tmp_path / "old").write_text("x")
    elif made is not None:
        home.mkdir(parents=True)
    if made == "torn":
        (home / "jobs.json").write_text(json.dumps([entry(1)])[:-20])
    if made == "unjust":
        (home / "jobs.json").write_text('[{"name": 3}, 4]')
    done = agentcron("import", "original", "old", "--store", "new.sqlite")
    assert (done.code, done.out) == (5, "")
    assert told in one_line(done.err)
    if made in (None, "file", "empty"):
        assert not (tmp_path / "new.sqlite").exists()
    assert agentcron("list", "--store", "new.sqlite", "--json").json == []


def test_an_import_that_names_no_format_a_wrong_one_or_a_wrong_zone_is_bad_input(
    agentcron: Command, original: Path
) -> None:
    assert agentcron("import").code == 2
    done = agentcron("import", "orginal", "old")
    assert (done.code, "Did you mean 'original'?" in one_line(done.err)) == (2, True)
    done = agentcron("import", "original")
    assert (done.code, "Missing argument 'DIR'" in one_line(done.err)) == (2, True)
    done = agentcron("import", "original", "old", "--timezone", "Mars/Base")
    assert (done.code, "Mars/Base" in one_line(done.err)) == (2, True)


def test_a_store_cannot_be_imported_into_or_exported_onto_itself(agentcron: Command, original: Path) -> None:
    for word in ("import", "export"):
        done = agentcron(word, "original", "old/../old", "--store", "fs:old")
        assert (done.code, "is the store itself" in one_line(done.err)) == (2, True)


def test_an_import_that_fails_on_the_way_says_how_far_it_came_and_goes_on_when_repeated(
    agentcron: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "old", [entry(number) for number in range(250)])
    real = SqliteStorage.restore

    async def full(self: SqliteStorage, jobs: Any, executions: Any) -> int:
        if jobs[0].id == "job-100":
            raise StoreUnavailable("jobs.sqlite: the disk is full: free some space")
        return await real(self, jobs, executions)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStorage, "restore", full)
        patch.setattr("agentcron.storage.transfer._AT_ONCE", 100)
        done = agentcron("import", "original", "old")
    assert (done.code, done.out) == (5, "")
    assert "the disk is full: free some space (100 jobs were moved before that; repeat it for the rest)" in one_line(
        done.err
    )
    assert len(agentcron("list", "--json").json) == 100
    done = agentcron("import", "original", "old", "--json")
    assert (done.code, done.json["jobs"], len(done.json["known"])) == (0, 150, 100)
    assert len(agentcron("list", "--json").json) == 250


# --- there and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "folder"])
def test_every_job_and_execution_survives_an_export_and_an_import(
    agentcron: Command, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "first").mkdir()
    first, second = ("first/a.sqlite", "second.sqlite") if kind == "sqlite" else ("fs:first", "fs:second")
    here = ("--store", first)
    # No slot comes meanwhile but on a leap day: it would be one more execution.
    agentcron("add", "report", "0 9 29 2 *", "Write\nit – all", "--agent", "echo", "--tag", "a", "--tag", "b",
              "--metadata", "team=ops", "--timezone", "Asia/Tokyo", "--retry", "attempts=3", *here)  # fmt: skip
    agentcron("add", "tick", "every 90s", "hello", "--agent", "echo", "--max-runs", "5", *here)
    agentcron("add", "once", "at 2030-05-06T07:08", "later", "--agent", "echo", *here)
    agentcron("add", "over", "every 1d", "x", "--agent", "echo", *here)
    for name in ("report", "tick"):
        assert agentcron("run", name, *here).code == 0
    agentcron("edit", "report", "--prompt", "Write it anew", *here)
    assert agentcron("run", "report", *here).code == 0
    agentcron("pause", "tick", *here)
    agentcron("cancel", "over", *here)
    done = agentcron("export", "original", "out", "--json", *here)
    assert (done.code, done.json["jobs"], done.json["executions"]) == (0, 4, 3)
    done = agentcron("import", "original", "out", "--store", second, "--json")
    assert (done.code, done.json["jobs"], done.json["executions"], done.json["problems"]) == (0, 4, 3, [])
    before = everything(agentcron, *here)
    after = everything(agentcron, "--store", second)
    assert after == before
    assert len(before[0]) == 4
    assert {run["prompt"] for run in before[1]} == {"Write\nit – all", "Write it anew", "hello"}
    assert all(talk for talk in before[2].values())


def test_an_export_is_what_the_original_reads(agentcron: Command, tmp_path: Path) -> None:
    agentcron("add", "report", "0 9 * * *", "Write it", "--agent", "echo", "--timezone", "UTC")
    run = agentcron("run", "report", "--json").json
    agentcron("export", "original", "deep/out")
    home = tmp_path / "deep" / "out" / "background-jobs"
    [job] = json.loads((home / "jobs.json").read_text())
    assert (job["name"], job["cronExpression"], job["prompt"], job["status"]) == (
        "report", "0 9 * * *", "Write it", "waiting",
    )  # fmt: skip
    [execution] = [json.loads(path.read_text()) for path in (home / "executions").iterdir()]
    assert (execution["id"], execution["status"], execution["result"]) == (run["id"], "success", "Write it")


def test_exporting_twice_leaves_what_the_folder_has(agentcron: Command, job: dict[str, Any], tmp_path: Path) -> None:
    assert agentcron("export", "original", "out").code == 0
    path = tmp_path / "out" / "background-jobs" / "jobs.json"
    before = path.read_bytes()
    done = agentcron("export", "original", "out")
    assert (done.code, f"1 job was there already, left as it is with its history: {job['id']}" in done.out) == (
        0,
        True,
    )
    assert path.read_bytes() == before


def test_an_export_says_which_store_has_jobs_that_it_could_not_read(
    agentcron: Command, job: dict[str, Any], tmp_path: Path
) -> None:
    agentcron("add", "second", "@daily", "x", "--agent", "echo", "--store", "s.sqlite")
    agentcron("add", "third", "@daily", "x", "--agent", "echo", "--store", "s.sqlite")
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("UPDATE job_versions SET spec = '{}' WHERE job = 1")
    connection.close()
    done = agentcron("export", "original", "out", "--store", "s.sqlite", "--json")
    assert (done.code, done.json["jobs"]) == (1, 1)
    assert "s.sqlite: 1 of its jobs could not be read, left out" in done.json["problems"][0]


# --- places that refuse ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file", "file/in"])
def test_an_export_onto_a_file_is_one_line(agentcron: Command, job: dict[str, Any], tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    done = agentcron("export", "original", place)
    assert (done.code, done.out) == (5, "")
    assert "is no folder: choose another one" in one_line(done.err)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("word", ["import", "export"])
def test_a_target_that_is_read_only_is_one_line_and_nothing_is_half_done(
    agentcron: Command, job: dict[str, Any], original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    real, target = os.open, tmp_path / "target"
    (target / "background-jobs").mkdir(parents=True)

    def read_only(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if str(path).startswith(str(target)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *rest, **options)

    words = ["original", "old", "--store", "fs:target"] if word == "import" else ["original", "target"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        done = agentcron(word, *words)
    assert (done.code, done.out) == (5, "")
    assert "the file system is read-only: mount it writable or choose another folder" in one_line(done.err)
    assert list((target / "background-jobs").iterdir()) == []


def test_an_export_whose_files_cannot_be_written_whole_is_no_success(
    agentcron: Command, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        done = agentcron("export", "original", "out")
    assert (done.code, done.out) == (5, "")
    assert "the disk is full" in one_line(done.err)
    assert agentcron("export", "original", "out").code == 0


@pytest.mark.parametrize("word", ["import", "export"])
def test_a_folder_with_a_live_scheduler_is_a_conflict_that_names_it(
    agentcron: Command, job: dict[str, Any], original: Path, tmp_path: Path, word: str
) -> None:
    scheduler = program("start", "--store", "fs:live", folder=tmp_path)
    try:
        wait_for_line(scheduler, "Ctrl-C stops")
        words = ["original", "old", "--store", "fs:live"] if word == "import" else ["original", "live"]
        done = agentcron(word, *words)
        assert (done.code, done.out) == (4, "")
        assert f"process {scheduler.pid} writes this folder; stop it" in one_line(done.err)
        assert agentcron("list", "--store", "fs:live", "--json").json == []
    finally:
        scheduler.terminate()
        finished(scheduler)


def test_a_live_scheduler_on_a_database_runs_what_is_imported(agentcron: Command, tmp_path: Path) -> None:
    agentcron("add", "tick", "every 1s", "hello", "--agent", "echo", "--store", "from.sqlite")
    agentcron("export", "original", "out", "--store", "from.sqlite")
    scheduler = program("start", "--store", "live.sqlite", "--debug", folder=tmp_path)
    try:
        wait_for_line(scheduler, "Ctrl-C stops")
        done = agentcron("import", "original", "out", "--store", "live.sqlite")
        assert (done.code, done.err) == (0, "")
        wait_for_line(scheduler, "to run")
    finally:
        scheduler.terminate()
        finished(scheduler)
    assert "SUCCESS" in {run["status"] for run in agentcron("runs", "--store", "live.sqlite", "--json").json}
