"""Run tests: pytest, with the kit and the contract suites of agentcron.testing."""

import subprocess
import sys
import tempfile
from pathlib import Path

TEST = """
from datetime import UTC, datetime

from agentcron import MemoryStorage
from agentcron.testing import StoreContract, create_test_environment


class TestMyStore(StoreContract):
    async def make_store(self):
        return MemoryStorage()


async def test_my_job_runs_at_nine():
    async with create_test_environment(start=datetime(2026, 1, 1, 8, 59, tzinfo=UTC)) as env:
        job_id = await env.plugin.create_job("Report", "0 9 * * *", "Write it")
        await env.plugin.start_background_execution()
        await env.advance(60)
        assert [run.result for run in await env.runs(job_id)] == ["done"]
"""

with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "test_mine.py").write_text(TEST, "utf-8")
    (Path(folder) / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    print(done.stdout.strip().splitlines()[-1])
    sys.exit(done.returncode)
