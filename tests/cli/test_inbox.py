"""What runs ask of a person, on the command line."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def asked(agentcron: Command, tmp_path: Path) -> dict[str, Any]:
    """The one input of a run that was parked, as ``inbox --json`` shows it."""
    (tmp_path / "agentcron.toml").write_text(
        '[agents.asker]\nkind = "python"\ncallable = "tests.cli.asking:ask"\n'
        '[agents.deployer]\nkind = "python"\ncallable = "tests.cli.asking:approve"\n'
    )
    agentcron("add", "report", "0 9 * * *", "Write it", "--agent", "asker")
    ran = agentcron("run", "report", "--wait")
    assert ran.code == 1
    assert ran.out.splitlines()[1] == "it waits for a person; see: agentcron inbox report"
    [one] = agentcron("inbox", "--json").json
    return dict(one)


def test_a_question_is_shown_and_answered(agentcron: Command, asked: dict[str, Any]) -> None:
    assert (asked["kind"], asked["question"], asked["options"]) == ("question", "Which one?", ["left", "right"])
    assert (asked["job_name"], asked["waiting"], asked["decision"]) == ("report", True, None)
    table = agentcron("inbox", "report").out.splitlines()
    assert table[0].split() == ["ID", "JOB", "KIND", "ASKS", "EXPIRES", "STATE"]
    assert "Which one? [left | right]" in table[1]
    assert table[-1] == f"agentcron answer {asked['id']} TEXT, or agentcron deny {asked['id']}"
    told = agentcron("answer", asked["id"][:5], "left")
    assert told.out == f"{asked['id']} answered; no scheduler is running, report goes on with 'agentcron start'\n"
    assert agentcron("inbox").out == "nothing is asked of you\n"
    [kept] = agentcron("inbox", "--all", "--json").json
    assert (kept["decision"], kept["answer"], kept["answered_by"]) == ("answered", "left", getpass.getuser())


def test_what_is_wrong_is_one_clear_line(agentcron: Command, asked: dict[str, Any]) -> None:
    key = asked["id"]
    for words, code, told in (
        (("answer", key, "up"), 2, f"'up' is no answer to {key}; choose one of: left, right"),
        (("approve", key), 2, f"{key} is a question; answer it: agentcron answer {key} TEXT"),
        (("approve", "zzz"), 3, "input 'zzz' is unknown; 'agentcron inbox' shows what is asked"),
        (("answer", key), 2, "Missing argument 'TEXT'"),
    ):
        found = agentcron(*words)
        assert (found.code, found.out) == (code, "")
        assert told in found.err
        assert len(found.err.splitlines()) == 1
    assert agentcron("deny", key, "nobody knows", "--json").json["answer"] == "nobody knows"
    late = agentcron("answer", key, "left")
    assert late.code == 4
    assert f"{key} was denied by {getpass.getuser()} at " in late.err
    assert late.err.endswith(" already; nothing was changed\n")


def test_an_approval_lets_the_run_go_on(agentcron: Command, asked: dict[str, Any]) -> None:
    agentcron("add", "deploy", "0 9 * * *", "Deploy", "--agent", "deployer", "--input-timeout", "2h")
    run = agentcron("run", "deploy", "--json").json
    [found] = agentcron("inbox", "deploy", "--json").json
    assert agentcron("approve", found["id"]).code == 0
    agentcron("start", "--for", "1s")
    [left] = agentcron("runs", "deploy", "--json").json
    assert (left["id"], left["status"], left["result"]) == (run["id"], "SUCCESS", "deployed")


def test_the_rules_of_a_job_that_asks_are_options(agentcron: Command, asked: dict[str, Any]) -> None:
    refused = agentcron("edit", "report", "--on-expiry", "answer")
    assert refused.code == 2
    assert "default_answer: is missing; with on_expiry 'answer' say what a question is answered with" in refused.err
    edited = agentcron(
        "edit", "report", "--on-expiry", "answer", "--default-answer", "left", "--input-timeout", "90m", "--json"
    )
    shown = edited.json
    assert (shown["on_expiry"], shown["default_answer"], shown["input_timeout"]) == ("answer", "left", "1h30m")
