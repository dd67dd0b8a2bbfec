"""Tables on terminals of few columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command

NAME = "nightly dependency audit of the backend"


@pytest.fixture
def run_id(agentcron: Command) -> str:
    for name in (NAME, "weekly-summary"):
        agentcron("add", name, "0 9 * * MON-FRI", "Write the report about everything", "--agent", "echo")
    found: str = agentcron("run", NAME, "--json").json["id"]
    return found


def shown(folder: Path, width: int, *words: str) -> str:
    """What a terminal of so many columns shows."""
    near, far = os.openpty()
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_DATA_HOME", "TZ")}
    done = subprocess.run(
        [sys.executable, "-m", "agentcron", *words], cwd=folder, stdout=far, check=False, timeout=60,
        env={**environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(width)},
    )  # fmt: skip
    os.close(far)
    told = os.read(near, 65536).decode().replace("\r", "")
    os.close(near)
    assert done.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
    assert max(map(len, plain.splitlines())) <= width
    return plain


@pytest.mark.parametrize(("width", "gone"), [(120, []), (80, ["AGENT"]), (60, ["AGENT", "SCHEDULE"])])
def test_a_list_of_jobs_keeps_ids_times_and_words_whole_and_names_the_columns_it_has_no_room_for(
    run_id: str, tmp_path: Path, width: int, gone: list[str]
) -> None:
    told = shown(tmp_path, width, "list")
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d CES?T", told)) == 2
    assert all(word in told for word in ("weekly-summary", *NAME.split()))
    assert ("MON-FRI" in told) is ("SCHEDULE" not in gone)
    assert ("echo" in told) is ("AGENT" not in gone)
    assert ("no room for " + ", ".join(gone) in told) if gone else "no room" not in told


def test_a_list_of_runs_keeps_its_table_at_80_columns_and_stands_in_blocks_below(run_id: str, tmp_path: Path) -> None:
    told = shown(tmp_path, 80, "runs")
    assert re.search(rf"(?m)^ {run_id}  nightly .*SUCCESS *$", told)
    assert "no room for TOOK, ANSWER" in told
    told = shown(tmp_path, 60, "runs")
    assert f"EXECUTION  {run_id}\n" in re.sub(r" +\n", "\n", told)
    assert f"JOB        {NAME}" in told
    assert "ANSWER     Write the report about everything" in told
    assert "Write the report about everything" in shown(tmp_path, 200, "runs")


def test_what_a_program_reads_is_as_wide_as_it_needs_to_be(agentcron: Command, run_id: str) -> None:
    told = agentcron("list").out.splitlines()
    assert told[0].split() == ["ID", "NAME", "STATUS", "NEXT", "RUN", "SCHEDULE", "AGENT"]
    assert all(line.endswith("0 9 * * MON-FRI  echo") for line in told[1:])
