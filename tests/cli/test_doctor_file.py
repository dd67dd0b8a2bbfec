"""``agentcron doctor`` on a SQLite file: each thing that can be wrong is found, with its place and what to do."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import SqliteStorage
from agentcron.agents.processes import start_time
from agentcron.cli import doctor_machine
from agentcron.cli.doctor import Finding
from agentcron.domain import changes
from agentcron.domain.planner import plan
from agentcron.domain.queries import Node
from agentcron.domain.spec_fields import read_spec
from tests.cli.conftest import Command

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(agentcron: Command, tmp_path: Path) -> Path:
    """A sound store with two jobs, beside a file of settings."""
    (tmp_path / "agentcron.toml").write_text("")
    for number in range(2):
        assert agentcron("add", f"job {number}", "@daily", "look " * 100, "--agent", "echo").code == 0
    return tmp_path / "agentcron.sqlite"


def wrong(agentcron: Command, *words: str) -> dict[str, dict[str, Any]]:
    """The findings that are not ok, by what was looked at."""
    done = agentcron("doctor", "--json", *words)
    found = {row["check"]: row for row in done.json if row["verdict"] != "ok" and row["check"] != "time sync"}
    fails = [row for row in found.values() if row["verdict"] == "fail"]
    assert done.code == (1 if fails else 0)
    for row in found.values():
        assert row["detail"], row
        assert row["fix"], row
    return found


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_a_sound_store_has_no_faults_and_stays_as_it_is(agentcron: Command, store: Path) -> None:
    before = digest(store.parent)
    assert wrong(agentcron).keys() == {"scheduler"}
    assert digest(store.parent) == before


def test_a_store_that_is_not_there_is_not_made(agentcron: Command, tmp_path: Path) -> None:
    found = wrong(agentcron, "--store", "none.sqlite")
    assert (found["store"]["verdict"], "is not there yet" in found["store"]["detail"]) == ("warn", True)
    assert list(tmp_path.glob("none*")) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def empty(path: Path) -> None:
    path.write_bytes(b"")
    path.with_name(path.name + "-nodes").mkdir(exist_ok=True)


def stump(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all " * 400)


def of_another(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


@pytest.mark.parametrize(
    ("hurt", "told", "fix"),
    [
        (cut, "cut short", "restore a backup"),
        (empty, "is empty, and it was a store", "restore a backup"),
        (stump, "cut short", "restore a backup"),
        (garbage, "damaged or not a SQLite file", "restore a backup"),
        (of_another, "of another program", "name another place"),
        (newer, "newer agentcron", "upgrade"),
    ],
)
def test_a_file_that_is_no_store_is_told_and_left_as_it_is(
    agentcron: Command, store: Path, hurt: Callable[[Path], None], told: str, fix: str
) -> None:
    hurt(store)
    before = store.read_bytes()
    found = wrong(agentcron)["store"]
    assert (found["verdict"], found["where"]) == ("fail", str(store))
    assert told in found["detail"]
    assert str(store) in found["detail"]
    assert fix in found["fix"]
    assert store.read_bytes() == before


def test_an_older_schema_is_told_and_not_migrated(agentcron: Command, store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    before = store.read_bytes()
    found = wrong(agentcron)["store"]
    assert found["verdict"] == "warn"
    assert "schema 0" in found["detail"]
    assert store.read_bytes() == before


def test_damaged_pages_and_texts_are_found(agentcron: Command, store: Path) -> None:
    data = bytearray(store.read_bytes())
    # The page of an index: the rows are read without it, so that only a check finds it.
    connection = sqlite3.connect(store)
    page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs_name'").fetchone()[0]
    connection.close()
    data[page * 4096 - 12 : page * 4096 - 4] = b"\x55" * 8
    store.write_bytes(data)
    found = wrong(agentcron)["integrity"]
    assert (found["verdict"], found["where"]) == ("fail", str(store))
    assert "restore a backup" in found["fix"]


def test_a_changed_letter_in_an_answer_is_found_by_its_checksum(agentcron: Command, store: Path) -> None:
    assert agentcron("run", "job 0", "--wait").code == 0
    connection = sqlite3.connect(store)
    changed = connection.execute("UPDATE texts SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE part = 'result'")
    assert changed.rowcount == 1
    connection.commit()
    connection.close()
    assert "checksum" in wrong(agentcron)["integrity"]["detail"]


def test_a_job_that_cannot_be_read_is_named(agentcron: Command, store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute('UPDATE job_versions SET spec = \'{"name": "job 1"}\' WHERE job = 2')
    connection.commit()
    connection.close()
    found = wrong(agentcron)["unreadable job"]
    assert (found["verdict"], found["detail"].startswith("job 1 (")) == ("fail", True)


def test_files_that_others_can_read_are_told_with_the_command_that_mends_them(agentcron: Command, store: Path) -> None:
    store.chmod(0o644)
    found = wrong(agentcron)["file modes"]
    assert (found["where"], found["fix"]) == (str(store), f"chmod 600 {store}")


def test_a_file_from_the_future_tells_of_the_clock(agentcron: Command, store: Path) -> None:
    os.utime(store, (4e9, 4e9))
    assert "before the last write" in wrong(agentcron)["clock"]["detail"]


def test_little_space_is_told(agentcron: Command, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentcron.cli.doctor.ENOUGH_SPACE", 1 << 62)
    found = wrong(agentcron)["disk"]
    assert (found["verdict"], found["where"]) == ("warn", str(store.parent))


@pytest.mark.parametrize(("now", "verdicts"), [(NOW, []), (NOW.replace(year=1970), ["fail"])])
def test_a_clock_that_cannot_be_right_is_a_fault(now: datetime, verdicts: list[str]) -> None:
    assert [finding.verdict for finding in doctor_machine._clock(now, None)] == verdicts


def test_a_clock_that_nothing_keeps_is_a_warning() -> None:
    [found] = doctor_machine._clock(NOW, False)
    assert (found.check, found.verdict, "chrony" in found.fix) == ("time sync", "warn", True)


def test_zones_are_told_with_their_release(agentcron: Command, store: Path) -> None:
    [zones] = [row for row in agentcron("doctor", "--json").json if row["check"] == "zone data"]
    assert "tzdata 20" in zones["detail"]


def test_a_job_in_a_zone_that_is_not_known_here_is_a_fault(
    agentcron: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentcron.cli.doctor_jobs._known", lambda zone: False)
    found = wrong(agentcron)["zone data"]
    assert found["verdict"] == "fail"
    assert "which is not known here" in found["detail"]


async def leave_a_run(path: Path, process: str | None) -> str:
    """A run that a scheduler began and did not end, as a crash leaves it; answers its id."""
    store = SqliteStorage(path)
    await store.open()
    node = Node(id="gone", host="here", pid=1, version="0", started_at=NOW, seen_at=NOW)
    await store.join(node)
    made = changes.create(
        read_spec({"name": "cut", "prompt": "p", "schedule": "every 1m", "agent": "echo"}), "cut", NOW
    )
    await store.commit([made])
    assert made.job_after is not None
    due = plan(made.job_after, NOW + timedelta(minutes=1), lambda: "0" * 26)
    assert due is not None
    await store.commit([due])
    [row] = await store.claim("gone", NOW + timedelta(minutes=1), 1, begin=True)
    await store.note_agent(row.id, row.fence, "a", process)
    await store.close()
    return row.id


def test_runs_without_a_scheduler_and_processes_that_outlived_it_are_told(agentcron: Command, store: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        begun = start_time(child.pid)
        asyncio.run(leave_a_run(store, f"{child.pid}:{begun}"))
        rows = [row for row in agentcron("doctor", "--json").json if row["check"] == "open runs"]
        assert [row["verdict"] for row in rows] == ["warn", "warn"]
        assert f"1 runs were cut when their scheduler ended ({'0' * 26})" in rows[0]["detail"]
        assert f"process {child.pid}" in rows[1]["detail"]
        assert rows[1]["where"] == f"pid {child.pid}"
    finally:
        child.communicate(b"\n")
    rows = [row for row in agentcron("doctor", "--json").json if row["check"] == "open runs"]
    assert len(rows) == 1


def test_agents_that_cannot_work_do_not_hide_the_store(agentcron: Command, store: Path) -> None:
    (store.parent / "agentcron.toml").write_text("[agents.w]\nkind = 'comand'\n")
    done = agentcron("doctor", "--json")
    checks = {row["check"]: row["verdict"] for row in done.json}
    assert (done.code, checks["settings"], checks["store"], checks["integrity"]) == (1, "fail", "ok", "ok")


def test_every_finding_has_the_same_keys_and_a_text_for_people(agentcron: Command, store: Path) -> None:
    done = agentcron("doctor", "--json")
    assert {tuple(row) for row in json.loads(done.out)} == {tuple(Finding.__dataclass_fields__)}
    text = agentcron("doctor").out
    assert text.splitlines()[0].split() == ["CHECK", "FOUND", "WHAT", "TO", "DO"]
    assert "is not running" in text
