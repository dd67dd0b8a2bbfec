"""What is told to others, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

TOLD = """
[agents.broken]
kind = "command"
command = ["false"]

[endpoints.ops]
kind = "file"
path = "told.jsonl"

[notify]
default = ["ops: failure, recovered"]
"""


@pytest.fixture
def told(agentcron: Command, tmp_path: Path) -> Path:
    """A folder in which failures are told to a file, after a run that failed."""
    (tmp_path / "agentcron.toml").write_text(TOLD)
    # Due a day from now, whenever that is: a slot of its own would be told of as well.
    agentcron("add", "report", "every 1d", "Write it", "--agent", "broken")
    assert agentcron("run", "report", "--wait").code == 1
    return tmp_path / "told.jsonl"


def test_a_failed_run_is_told_as_the_settings_say_for_every_job(agentcron: Command, told: Path) -> None:
    [letter] = agentcron("outbox", "--json").json
    assert (letter["event"], letter["target"], letter["job_name"]) == ("failure", "ops", "report")
    agentcron("start", "--for", "2s")
    [sent] = agentcron("outbox", "report", "--status", "sent", "--json").json
    assert (sent["id"], sent["tries"], sent["error"]) == (letter["id"], 1, None)
    [line] = told.read_text().splitlines()
    assert letter["id"] in line
    assert json.loads(line)
    assert letter["id"] in agentcron("outbox").out


def test_a_job_may_tell_nobody(agentcron: Command, told: Path) -> None:
    agentcron("add", "quiet", "every 1d", "Write it", "--agent", "broken", "--notify", "off")
    agentcron("run", "quiet", "--wait")
    assert agentcron("outbox", "quiet", "--json").json == []
    assert "nothing was told" in agentcron("outbox", "quiet").out


def test_a_letter_that_was_not_given_up_is_not_sent_afresh(agentcron: Command, told: Path) -> None:
    [letter] = agentcron("outbox", "--json").json
    refused = agentcron("resend", letter["id"])
    assert (refused.code, refused.err.count("\n")) == (4, 1)
    assert "was not given up" in refused.err
    assert agentcron("resend", "nothing").code == 3


def test_endpoints_are_listed_by_kind_and_tried(agentcron: Command, told: Path) -> None:
    assert agentcron("endpoints", "--json").json == [{"name": "ops", "kind": "file"}]
    assert "has taken a trial letter" in agentcron("endpoints", "--test", "ops").out
    assert told.exists()
    unknown = agentcron("endpoints", "--test", "nobody")
    assert (unknown.code, unknown.err) == (3, "agentcron: endpoint 'nobody' is unknown; known are ops\n")


def test_a_rule_in_the_settings_that_cannot_hold_is_told_in_a_line(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text('[notify]\ndefault = ["ops: explosion"]\n')
    refused = agentcron("list")
    assert refused.code == 2
    assert "notify.default: 'explosion' is not an event" in refused.err
    assert refused.err.count("\n") == 1


def test_the_rules_that_hold_are_shown_with_the_settings(agentcron: Command, told: Path) -> None:
    assert "ops: failure, recovered" in agentcron("config", "show").out
