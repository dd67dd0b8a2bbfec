"""Gates and checks on the command line."""

from __future__ import annotations

import asyncio
import json
import shlex
from decimal import Decimal
from pathlib import Path

from agentcron import AgentOutcome, SqliteStorage
from tests.checks.conftest import make_bench

from .conftest import Command

TOML = '[agents.hello]\nkind = "command"\ncommand = ["cat"]\n'


def test_a_job_is_given_gate_and_checks_and_shows_them(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(TOML)
    made = agentcron(
        "add", "watch", "@daily", "say hello", "--when-changed", "file:notes/*.md", "--when-changed",
        "command:printf '%s, %s' a b", "--expect", "regex:^hello, world$", "--expect", "max-seconds:60", "--silent",
        "NOTHING", "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    assert made.json["when_changed"] == ["file:notes/*.md", 'command:["printf", "%s, %s", "a", "b"]']
    assert made.json["expect"] == ["regex:^hello, world$", "max_seconds:60"]
    assert (made.json["silent"], made.json["failure_marker"], made.json["marks"]) == ("NOTHING", "FAILED:", [])
    shown = agentcron("show", "watch").out
    assert '  gate      file:notes/*.md (seen -); command:["printf", "%s, %s", "a", "b"] (seen -)\n' in shown
    assert "  expect    regex:^hello, world$; max_seconds:60\n" in shown

    changed = agentcron("edit", "watch", "--when-changed", "none", "--expect", "none", "--failure-marker", "none",
                        "--silent", "none", "--json")  # fmt: skip
    assert changed.code == 0, changed.err
    gone = {name: changed.json[name] for name in ("when_changed", "expect", "silent", "failure_marker")}
    assert gone == {"when_changed": [], "expect": [], "silent": None, "failure_marker": None}


def test_a_run_that_breaks_its_check_is_exit_1_and_why_tells(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(TOML)
    agentcron("add", "say", "@daily", "hello", "--expect", "file:report.md", "--when-changed", "file:in")
    ran = agentcron("run", "say", "--json")
    assert ran.code == 1
    assert (ran.json["status"], ran.json["reason"], ran.json["result"]) == ("FAILURE", "check", "hello")
    assert ran.json["error"] == f"check: file:report.md: there is no file {tmp_path / 'report.md'}"
    assert ran.json["gate"] == "file:in is empty: nothing there"
    told = agentcron("logs", ran.json["id"]).out
    assert "error    check: file:report.md" in told


def test_paths_start_at_the_folder_of_the_settings_wherever_the_command_is_called(
    agentcron: Command, tmp_path: Path, monkeypatch: object
) -> None:
    (tmp_path / "agentcron.toml").write_text(TOML)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "report.md").write_text("not this one")
    (tmp_path / "shape.json").write_text(json.dumps({"type": "string"}))
    monkeypatch.chdir(tmp_path / "deep")  # type: ignore[attr-defined]
    made = agentcron("add", "say", "@daily", '"hello"', "--expect", "file:report.md", "--expect", "schema:shape.json")
    assert made.code == 0, made.err
    assert agentcron("run", "say").code == 1
    (tmp_path / "report.md").write_text("this one")
    assert agentcron("run", "say").code == 0


def test_what_cannot_be_used_is_one_line_and_exit_2(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(TOML)
    for option, told in {
        "--when-changed=notes.md": "when_changed: 'notes.md' does not begin with one of file:, url:, git:, feed:, comm",
        "--when-changed=command:nowhere-to-be-found": "when_changed: command: nowhere-to-be-found is not on PATH",
        "--expect=regex:(": "expect: '(' is not a regular expression",
        "--silent=regex:(": "silent: '(' is not a regular expression",
    }.items():
        refused = agentcron("add", "bad", "@daily", "p", option)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith(f"agentcron: {told}")
        assert refused.err.count("\n") == 1


def test_the_examples_of_the_page_are_accepted(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text(TOML)
    (tmp_path / "repo").mkdir()
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text().replace("\\\n", " ")
    lines = [line for line in page.splitlines() if line.startswith("agentcron add ")]
    assert len(lines) == 4
    for line in lines:
        added = agentcron(*shlex.split(line)[1:])
        assert added.code == 0, added.err


def test_gated_runs_and_an_export_tell_what_was_not_paid_for(agentcron: Command, tmp_path: Path) -> None:
    async def life() -> None:
        bench = make_bench(SqliteStorage(tmp_path / "store.sqlite"), tmp_path / "work")
        bench.factory.then(AgentOutcome(output="x", cost_usd=Decimal("1.25")))
        bench.write("in", "1")
        await bench.job(when_changed="file:in")
        for _ in range(3):
            await bench.slot()
        await bench.plugin.close()

    asyncio.run(life())
    store = ("--store", str(tmp_path / "store.sqlite"))
    runs = agentcron("runs", "watch", "--all", "--json", *store).json
    assert [run["status"] for run in runs] == ["SKIPPED", "SKIPPED", "SUCCESS"]
    assert runs[0]["gate"].startswith("file:in is as it was since ")
    shown = agentcron("show", "watch", "--json", *store).json
    assert (shown["totals"]["gated"], shown["totals"]["saved_usd"]) == (2, 2.5)
    assert "  not paid  2 runs, because nothing had changed, about $2.50\n" in agentcron("show", "watch", *store).out
    told = agentcron("why", "watch", runs[0]["scheduled_for"], *store).out
    assert "was skipped: nothing changed: file:in is as it was since" in told
    assert "(policy when_changed = file:in, set in version 1 of the job)" in told

    folder = tmp_path / "out"
    assert agentcron("export", "original", str(folder), *store).code == 0
    moved = agentcron("show", "watch", "--store", f"fs:{folder}", "--json").json
    assert (moved["id"], moved["marks"], moved["totals"]) == (shown["id"], shown["marks"], shown["totals"])
    new = ("--store", str(tmp_path / "new.sqlite"))
    back = agentcron("import", "original", str(folder), *new)
    assert back.code == 0, back.err
    moved = agentcron("show", "watch", "--json", *new).json
    assert (moved["marks"], moved["totals"]) == (shown["marks"], shown["totals"])
    again = agentcron("runs", "watch", "--all", "--json", *new).json
    assert [run["gate"] for run in again] == [run["gate"] for run in runs]
