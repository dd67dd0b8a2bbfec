"""What the page about testing shows works as it stands there, and the page about the original misses no name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
ORIGINAL = """
BackgroundJobsPlugin BackgroundJobsConfig StorageFsPlugin AgentFactoryPlugin AgentManagerPlugin Agent getLogger
JobManager Job JobData JobExecution JobStatus ExecutionStatus JobFilters JobStatistics PluginStorageInterface
createMockStoragePlugin createMockAgentFactory createTestEnvironment startBackgroundExecution stopBackgroundExecution
createJob getJob getJobs updateJob deleteJob pauseJob resumeJob cancelJob getStatistics forceEvaluation clearAllJobs
addPlugin storagePlugin agentFactory agentManager logger evaluationIntervalMs defaultDefinition maxConcurrentAgents
id name prompt status created metadata cronExpression lastRun nextRun executionHistory result error agentId startTime
endTime nameContains cronPattern dateRange totalJobs runningJobs totalExecutions WAITING RUNNING PAUSED CANCELED
COMPLETED PENDING SUCCESS FAILURE INCOMPLETE ERROR jobs.json executions
"""


def test_the_examples_of_the_testing_page_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "testing.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "test_page.py").write_text("\n".join(blocks), "utf-8")
    (tmp_path / "pytest.ini").write_text(SETTINGS, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_page.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("name", ORIGINAL.split())
def test_the_page_about_the_original_names(name: str) -> None:
    page = (DOCS / "from-the-original.md").read_text("utf-8")
    cells = [cell for line in page.splitlines() if line.startswith("|") for cell in line.split("|")[1:2]]
    assert any(re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", cell) for cell in cells)


@pytest.mark.parametrize("page", ["from-the-original.md", "testing.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (DOCS / page).read_text("utf-8"))
    assert [link for link in links if not (DOCS / link).exists()] == []
