"""What runs used and said, on the command line; budgets as options and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.conftest import Command


def test_a_budget_of_the_settings_skips_a_run_and_usage_counts_those_that_ran(
    agentcron: Command, tmp_path: Path
) -> None:
    (tmp_path / "agentcron.toml").write_text('[budgets]\nall = "runs=1,window=1d"\n')
    agentcron("add", "report", "0 9 * * *", "Write it", "--agent", "echo")
    assert [agentcron("run", "report", "--json").json["status"] for _ in range(2)] == ["SUCCESS", "SKIPPED"]
    [line] = agentcron("usage", "--by", "agent", "--json").json
    assert (line["key"], line["runs"]) == ("echo", 1)
    shown = agentcron("usage", "--by", "day").out.splitlines()
    assert shown[0].split() == ["DAY", "RUNS", "TOKENS", "COST", "TOKENS"]
    assert len(shown) == 2
    assert agentcron("config", "show", "--json").code == 0


def test_a_budget_that_is_wrong_in_the_settings_is_told_with_its_file(agentcron: Command, tmp_path: Path) -> None:
    (tmp_path / "agentcron.toml").write_text('[budgets]\nall = "runs=many"\n')
    told = agentcron("list")
    assert told.code == 2
    assert "agentcron.toml: budgets.all: runs 'many' cannot be read" in told.err


def test_a_job_shows_its_budgets_as_objects(agentcron: Command, job: dict[str, Any]) -> None:
    edited = agentcron("edit", "report", "--budgets", "cost_usd=2,window=7d;runs=5", "--json").json
    assert edited["budgets"] == [
        {"window": "7d", "cost_usd": "2", "action": "skip"},
        {"window": "1d", "runs": 5, "action": "skip"},
    ]


def test_the_native_conversation_is_shown_as_it_was_written(agentcron: Command, job: dict[str, Any]) -> None:
    run = agentcron("run", "report", "--json").json
    raw = agentcron("logs", run["id"], "--raw").json
    assert raw["format"] == "messages"
    assert raw["native"][0]["role"] == "user"
