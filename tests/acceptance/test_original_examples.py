"""Each code block of the original README has a twin that runs by itself, offline, without a warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "original"
PROGRAMS = sorted(FOLDER.glob("*.py"))
SHOWS = {
    "installation": ["agentcron "],
    "basic_usage": ["Created job: ", "SUCCESS Done: Generate and save a daily status report"],
    "job_management": ["Reports: ['Daily report']", "cancel_job True", "pause_job False", "delete_job True"],
    "advanced_usage": ["Total executions: 1", "every 2 hours", "Left: 0"],
    "cron_format": ["every 15 minutes", "'60 * * * *' is refused", "'0 9 30 2 *' is refused", "0 or 7: True"],
    "job_data": ["agent_id   fake-1", "RUNNING", "INCOMPLETE"],
    "core_methods": ["get_job True None", "delete_job True"],
    "job_filtering": ["['Daily report', 'Monday report']\n['Daily report', 'Monday report']\n['Monday report']"],
    "agent_core": ["'create_job'", "(Europe/Berlin)", "nothing was paused"],
    "agent_factory": ["1 alive: background-job-", "alive after that: 0 0"],
    "running_tests": [" passed in "],
    "mock_strategy": ["SUCCESS the first answer", "ERROR no such model", "0:00:30", "refused: the disk is full"],
    "plugin_options": ["'agent_manager'", "(Europe/Berlin)", "refused: evaluation_interval_ms"],
    "debug_mode": ["DEBUG   [background-jobs] Tick (", "(on time)", "ValueError: broken"],
    "storage_fs": ["True True", "'cronExpression': '0 9 * * *'", "'prompt': 'Write the report'"],
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_the_example_runs_and_shows_what_it_is_about(program: Path, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("[background-jobs] ")] == []
    for words in SHOWS[program.stem]:
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_list_of_the_examples_names_every_program() -> None:
    listed = set(re.findall(r"\]\((\w+\.py)\)", (FOLDER / "README.md").read_text("utf-8")))
    assert listed == {program.name for program in PROGRAMS}
