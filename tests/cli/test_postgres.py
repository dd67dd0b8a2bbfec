"""Every command works on Postgres as it does on a file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command

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
