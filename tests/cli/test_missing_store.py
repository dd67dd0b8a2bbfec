"""A store that ``--store`` names and that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

_ASKING = [
    ("list",),
    ("show", "report"),
    ("edit", "report", "--prompt", "x"),
    ("pause", "report"),
    ("delete", "report", "--yes"),
    ("run", "report"),
    ("runs",),
    ("logs", "report"),
    ("usage",),
    ("inbox",),
    ("approve", "3f9a"),
    ("next", "report"),
    ("why", "report"),
    ("simulate",),
    ("nodes",),
    ("outbox",),
    ("resend", "3f9a"),
    ("export", "original", "out"),
    ("backup", "copy"),
]


@pytest.mark.parametrize("store", ["typo.sqlite", "sqlite:///typo.sqlite", "fs:typo"])
@pytest.mark.parametrize("words", _ASKING, ids=lambda words: words[0])
def test_a_store_that_is_not_there_is_told_and_never_made_by_a_command_that_asks_of_one(
    agentcron: Command, tmp_path: Path, words: tuple[str, ...], store: str
) -> None:
    done = agentcron(*words, "--store", store)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "there is no store at" in done.err
    assert "typo" in done.err
    assert "agentcron add" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("store", ["new.sqlite", "fs:new"])
@pytest.mark.parametrize(
    "words", [("add", "report", "@daily", "Write it", "--agent", "echo"), ("start", "--for", "0s")], ids=lambda w: w[0]
)
def test_what_begins_a_store_makes_it_where_it_is_named(agentcron: Command, words: tuple[str, ...], store: str) -> None:
    assert agentcron(*words, "--store", store).code == 0
    assert agentcron("list", "--store", store).code == 0


def test_where_nobody_names_a_store_the_first_list_is_empty(agentcron: Command, tmp_path: Path) -> None:
    assert agentcron("list").out == "no jobs\n"
    agentcron("init")
    assert agentcron("list").out == "no jobs\n"


def test_a_unit_that_never_started_has_no_scheduler_and_its_store_is_not_made(
    agentcron: Command, tmp_path: Path
) -> None:
    done = agentcron("service", "status", "--user", "--store", "new.sqlite")
    assert (done.code, "scheduler: none runs" in done.out) == (0, True)
    assert not (tmp_path / "new.sqlite").exists()
