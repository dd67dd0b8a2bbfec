"""What the page about the simulation shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text("utf-8")


def test_the_examples_of_the_page_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "test_page.py").write_text("\n".join(blocks), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_page.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_command_that_repeats_a_seed_tells_its_figures() -> None:
    words = [sys.executable, "-m", "agentcron.testing.simulation", "--variant", "month", "4", "--workers", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(r"1 seeds, 20 jobs, 30 virtual days, \d+ slots \(.*, 0 violations, \d+ s", done.stdout)
