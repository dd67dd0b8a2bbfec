"""What a command says besides its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Command
from .test_commands import finished, program, wait_for_line


@pytest.mark.parametrize(
    "words", [("edit", "report", "--prompt", "Write more"), ("next", "report")], ids=lambda w: w[0]
)
def test_a_job_that_is_paused_is_told_as_such_where_its_next_times_would_be(
    agentcron: Command, job: dict[str, Any], words: tuple[str, ...]
) -> None:
    agentcron("pause", "report")
    told = agentcron(*words).out
    assert f"paused; 'agentcron resume {job['id'][:8]}' lets it go on" in told
    assert "no further time" not in told
    agentcron("cancel", "report")
    assert "no further time" in agentcron("next", "report").out


def test_a_second_job_of_a_name_is_made_and_the_first_is_named(agentcron: Command, job: dict[str, Any]) -> None:
    again = agentcron("add", "report", "@daily", "x", "--agent", "echo", "--json")
    assert again.code == 0
    assert f"there is another job of this name ({job['id']})" in again.err
    assert again.json["id"] != job["id"]
    # A name that is how the first one's id begins is no name of it.
    other = agentcron("add", job["id"][:4], "@daily", "x", "--agent", "echo")
    assert "another job" not in other.err


def test_runs_that_told_no_tokens_are_not_nothing(agentcron: Command, job: dict[str, Any]) -> None:
    assert agentcron("usage").out == "nothing yet\n"
    agentcron("run", "report")
    told = agentcron("usage", "--days", "7").out
    assert "no job of the last 7 days told tokens or a cost" in told
    assert "usage --by agent" in told
    assert agentcron("usage", "--by", "agent").out.splitlines()[1].split()[:2] == ["echo", "1"]


def test_a_second_scheduler_says_that_another_one_runs(agentcron: Command, tmp_path: Path) -> None:
    assert "another scheduler" not in agentcron("start", "--for", "0s").err
    process = program("start", folder=tmp_path)
    try:
        wait_for_line(process, "Ctrl-C stops")
        done = agentcron("start", "--for", "0s")
        assert (done.code, done.err.count("another scheduler")) == (0, 1)
        assert f"another scheduler runs the jobs of this store too: pid {process.pid} on " in done.err
    finally:
        process.kill()
        finished(process)


def test_what_config_show_prints_can_be_written_into_the_file_as_it_stands(agentcron: Command, tmp_path: Path) -> None:
    path = tmp_path / "agentcron.toml"
    path.write_text(
        "[scheduling]\napproval = true\nagents = ['echo']\n[retention]\nmax_age = 'none'\n"
        "[queues.slow]\nconcurrency = 2\n[queues.any]\npriority = 5\n[budgets]\nall = 'runs=9,window=1d'\n"
        "[agents.own]\nkind = 'command'\ncommand = ['cat', '-']\n"
    )
    told = agentcron("config", "show").out
    assert "(" not in told
    rows = [line.split(maxsplit=1) for line in told.splitlines()[1:]]
    path.write_text("".join(f"{name} = {value}\n" for name, value in rows if value != "-"))
    assert agentcron("config", "show").out == told
