"""What a test has measured, by ``record_property("figures", text)``, is shown at the end of the run; and fixtures for
all suites."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator

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


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """What is opened here has a number above 1024, as in a process with very many runs and connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while opened[-1] <= 1100:
            opened.append(os.dup(opened[0]))
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
