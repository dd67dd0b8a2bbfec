"""Every command works on Postgres as it does on a file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agentcron import PostgresStorage, SqliteStorage
from agentcron.cli import COMMANDS
from agentcron.storage.moving import move_store
from tests.cli.conftest import Command
from tests.postgres.lived_in import lived_in

SETTINGS = """
[store]
url = "{url}"

[agents.say]
kind = "command"
command = ["cat"]
"""


def test_a_job_lives_and_dies_on_postgres(agentcron: Command, postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(SETTINGS.format(url=postgres_url))
    job = agentcron("add", "greet", "every 1h", "hello there", "--json").json
    assert [one["name"] for one in agentcron("list", "--json").json] == ["greet"]
    assert agentcron("edit", "greet", "--prompt", "hello again", "--json").json["prompt"] == "hello again"
    ran = agentcron("run", "greet", "--wait", "--json")
    assert (ran.code, ran.json["status"], ran.json["result"]) == (0, "SUCCESS", "hello again")
    [row] = agentcron("runs", "greet", "--json").json
    assert row["id"] == ran.json["id"]
    assert "hello again" in agentcron("logs", row["id"]).out
    assert agentcron("show", job["id"][:8], "--json").json["id"] == job["id"]
    assert agentcron("why", "greet", "2020-01-01T00:00").code == 0
    assert agentcron("pause", "greet").code == agentcron("resume", "greet").code == 0
    assert agentcron("start", "--for", "1s").code == 0
    assert agentcron("delete", "greet", "--yes").code == 0
    assert agentcron("list", "--json").json == []
    assert agentcron("show", "greet").code == 3


def test_doctor_says_what_is_there_and_changes_nothing(agentcron: Command, postgres_url: str) -> None:
    found = {one["check"]: one for one in agentcron("doctor", "--store", postgres_url, "--json").json}
    assert found["store"]["verdict"] in ("ok", "warn")
    assert agentcron("add", "greet", "every 1h", "x", "--agent", "echo", "--store", postgres_url).code == 0
    found = {one["check"]: one for one in agentcron("doctor", "--store", postgres_url, "--json").json}
    assert found["store"]["verdict"] == "ok"
    assert "1 jobs" in found["store"]["detail"]


def test_backup_names_the_tool_of_the_server(agentcron: Command, postgres_url: str) -> None:
    told = agentcron("backup", "copy.dump", "--store", postgres_url)
    assert told.code == 4
    assert "pg_dump" in told.err
    assert len(told.err.splitlines()) == 1


def test_a_server_that_is_not_there_is_exit_5_in_one_line_without_the_password(agentcron: Command) -> None:
    url = "postgresql://me:hunter2-secret@127.0.0.1:1/jobs"
    told = agentcron("list", "--store", url)
    assert told.code == 5
    assert len(told.err.splitlines()) == 1
    shown = agentcron("config", "show", "--store", url, "--json")
    assert json.loads(shown.out)["store.url"] == "postgresql://me:***@127.0.0.1:1/jobs"
    shown = agentcron("config", "show", "--store", "postgresql://h/jobs?user=me&password=hunter2-secret", "--json")
    assert "hunter2" not in told.err + shown.out + agentcron("doctor", "--store", url).out


Words = Callable[[dict[str, str]], tuple[str, ...]]
READS: dict[str, tuple[Words, ...]] = {
    "list": (lambda ids: ("list",), lambda ids: ("list", "--status", "PAUSED")),
    "show": (lambda ids: ("show", "paid"), lambda ids: ("show", ids["tried"][:12])),
    "runs": (lambda ids: ("runs",), lambda ids: ("runs", "tried", "--all"), lambda ids: ("runs", "--status", "ERROR")),
    "usage": tuple(
        lambda ids, by=by: ("usage", "--by", by, "--days", "366")  # type: ignore[misc]
        for by in ("job", "model", "agent", "tag", "day")
    ),
    "logs": (lambda ids: ("logs", ids["run"]),),
    "inbox": (lambda ids: ("inbox",), lambda ids: ("inbox", "parked", "--all")),
    "outbox": (lambda ids: ("outbox",), lambda ids: ("outbox", "--status", "FAILED")),
    "next": (lambda ids: ("next", "tried"),),
    "why": (lambda ids: ("why", "tried", "2026-01-01T01:00"), lambda ids: ("why", "gone", "2026-01-01T01:00")),
    "simulate": (lambda ids: ("simulate", "--days", "1", "--json"),),
    "nodes": (lambda ids: ("nodes", "--all"), lambda ids: ("nodes",)),
    "agents": (lambda ids: ("agents",),),
    "export": (lambda ids: ("export", "original", ids["folder"]),),
}
# Those that change something, that run until they are stopped, or that tell of the store itself, are tried above.
OTHERS = {
    "init", "add", "edit", "pause", "resume", "cancel", "delete", "run", "approve", "deny", "answer", "start", "serve",
    "mcp", "service", "token", "import", "doctor", "backup", "config", "completion", "demo", "migrate-store", "watch",
    "resend", "endpoints",
}  # fmt: skip


@pytest.fixture
def both(postgres_url: str, tmp_path: Path) -> dict[str, str]:
    """The same content in a file and on a server: their names, and those of jobs in them."""

    async def fill() -> dict[str, str]:
        source = SqliteStorage(tmp_path / "jobs.sqlite")
        _, ids = await lived_in(source)
        await move_store(source, PostgresStorage(postgres_url, locks_dir=tmp_path))
        reading = SqliteStorage(source.path)
        await reading.open()
        row = await reading.slot_at(ids["tried"], (await reading.nodes())[0].seen_at)
        newest = [one for ones in await asyncio.gather(reading.latest_runs([ids["paid"]], 1)) for one in ones]
        await reading.close()
        assert row is None
        return {**ids, "run": newest[0].id, "file": str(source.path), "server": postgres_url}

    return asyncio.run(fill())


def test_every_command_that_reads_is_compared() -> None:
    assert set(READS) | OTHERS == set(COMMANDS)


def test_commands_that_read_answer_on_postgres_as_on_a_file(
    agentcron: Command, both: dict[str, str], tmp_path: Path
) -> None:
    shown = {"file": SqliteStorage(both["file"]).url, "server": PostgresStorage(both["server"]).url}
    for ways in READS.values():
        for number, words in enumerate(ways):
            told = []
            for where in ("file", "server"):
                ids = {**both, "folder": str(tmp_path / f"{where}-{number}")}
                answers = [agentcron(*words(ids), "--store", both[where], *form) for form in ((), ("--json",))]
                texts = [
                    _timeless(answer.out).replace(shown[where], "").replace(ids["folder"], "") for answer in answers
                ]
                told.append(([answer.code for answer in answers], texts))
            assert told[0] == told[1], words(ids)
            assert told[0][0] in ([0, 0], [3, 3]), words(ids)


def _timeless(text: str) -> str:
    """Without instants of the day on which it was asked."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+", "", text)


def test_a_store_moves_by_one_command_which_says_what_to_do_then(
    agentcron: Command, both: dict[str, str], tmp_path: Path
) -> None:
    back = agentcron("migrate-store", "--from", both["server"], "--to", "sqlite:///back.sqlite")
    assert (back.code, back.err) == (0, ""), back
    assert "start no scheduler on the old one" in back.out
    assert (
        agentcron("list", "--json", "--store", "back.sqlite").json
        == agentcron("list", "--json", "--store", both["file"]).json
    )
    refused = agentcron("migrate-store", "--from", both["file"], "--to", both["server"])
    assert (refused.code, len(refused.err.splitlines())) == (4, 1)
    assert agentcron("migrate-store", "--from", "nowhere.sqlite", "--to", "new.sqlite").code == 5
    (tmp_path / "folder").mkdir()
    assert agentcron("migrate-store", "--from", "folder", "--to", "new.sqlite").code == 2
    assert not (tmp_path / "new.sqlite").exists()


def test_nodes_tell_what_each_runs(agentcron: Command, both: dict[str, str]) -> None:
    [dead] = [
        one for one in agentcron("nodes", "--all", "--json", "--store", both["server"]).json if one["id"] == "dead"
    ]
    assert dead["alive"] is False
    assert [run["job"] for run in dead["running"]] == ["lost"]
    assert "no scheduler is running" in agentcron("nodes", "--store", both["server"]).out
