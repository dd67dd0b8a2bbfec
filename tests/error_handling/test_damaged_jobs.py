"""One job that cannot be read or planned, beside good ones: it is told, the others run, nothing of it is lost."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentcron import Job, SqliteStorage, StorageFsPlugin
from agentcron.ports import JobStore
from agentcron.testing import create_test_environment


def damage_sqlite(folder: Path, job_id: str) -> None:
    connection = sqlite3.connect(folder / "s.sqlite")
    with connection:
        connection.execute(
            "UPDATE job_versions SET spec = '{\"name\": ' WHERE job = (SELECT seq FROM jobs WHERE id = ?)", (job_id,)
        )
    connection.close()


def damage_time(folder: Path, job_id: str) -> None:
    connection = sqlite3.connect(folder / "s.sqlite")
    with connection:
        connection.execute("UPDATE jobs SET created = 9000000000000000000 WHERE id = ?", (job_id,))
    connection.close()


def damage_marks(folder: Path, job_id: str) -> None:
    connection = sqlite3.connect(folder / "s.sqlite")
    with connection:
        connection.execute("UPDATE jobs SET marks = '[[1,' WHERE id = ?", (job_id,))
    connection.close()


def damage_folder(folder: Path, job_id: str) -> None:
    path = folder / "background-jobs" / "jobs.json"
    jobs = json.loads(path.read_text())
    [bad] = [job for job in jobs if job["id"] == job_id]
    bad["cronExpression"] = "every now and then"
    bad.pop("agentcron", None)
    path.write_text(json.dumps(jobs))


def damage_folder_without_snapshot(folder: Path, job_id: str) -> None:
    damage_folder(folder, job_id)
    (folder / "background-jobs" / "agentcron.json").unlink()


def store_in(folder: Path, kind: str) -> JobStore:
    return SqliteStorage(folder / "s.sqlite") if kind == "sqlite" else StorageFsPlugin(folder)


@pytest.mark.parametrize(
    ("kind", "damage", "left"),
    [
        ("sqlite", damage_sqlite, ["one", "two"]),
        ("sqlite", damage_time, ["one", "two"]),
        ("sqlite", damage_marks, ["one", "two"]),
        # The snapshot says what it was before somebody broke its entry.
        ("json folder", damage_folder, ["one", "bad", "two"]),
        ("json folder", damage_folder_without_snapshot, ["one", "two"]),
    ],
)
async def test_a_damaged_job_is_told_and_its_neighbours_run(
    kind: str, damage: Any, left: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with create_test_environment(storage_plugin=store_in(tmp_path, kind)) as env:
        ids = [await env.plugin.create_job(name, "* * * * *", f"do {name}") for name in ("one", "bad", "two")]
        now = env.clock.now()
    damage(tmp_path, ids[1])
    with caplog.at_level(logging.INFO):
        async with create_test_environment(storage_plugin=store_in(tmp_path, kind), start=now) as env:
            await env.plugin.start_background_execution()
            await env.advance(125)
            assert [job.name for job in await env.plugin.get_jobs()] == left
            for good in (ids[0], ids[2]):
                assert [run.status for run in await env.runs(good)] == ["SUCCESS", "SUCCESS"]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    # Once, not at every look.
    assert len([line for line in told if ids[1] in line or "bad" in line]) == 1
    kept = "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file())
    assert "bad" in kept


async def test_a_job_that_cannot_be_planned_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from agentcron.engine import job_manager

    real = job_manager.plan

    def plan(job: Job, *rest: Any) -> Any:
        if job.name == "bad":
            raise ZeroDivisionError("a calendar nobody foresaw")
        return real(job, *rest)

    monkeypatch.setattr(job_manager, "plan", plan)
    async with create_test_environment() as env:
        ids = [await env.plugin.create_job(name, "* * * * *", "p") for name in ("one", "bad", "two")]
        await env.plugin.start_background_execution()
        with caplog.at_level(logging.INFO):
            await env.advance(61)
        assert [len(await env.runs(job_id)) for job_id in ids] == [1, 0, 1]
        assert any(
            "bad" in record.getMessage() and "cannot be planned" in record.getMessage() for record in caplog.records
        )
