"""What a test has measured, by ``record_property("figures", text)``, is shown at the end of the run."""

from __future__ import annotations

import os
import shutil

import pytest

pytest_plugins = ("tests.postgres_fixtures",)

_MEMORY = "/dev/shm"
_ROOM = 1_000_000_000
# A folder in memory where the machine has room there: thousands of flushes would wait for a disk.
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _MEMORY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each test's figures, whether it passed or not."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    figures = [value for report in reports for name, value in report.user_properties if name == "figures"]
    if figures:
        terminalreporter.section("figures")
        for value in sorted(figures):
            terminalreporter.write_line(str(value))
