"""What a test has measured, by ``record_property("figures", text)``, is shown at the end of the run."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each test's figures, whether it passed or not."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    figures = [value for report in reports for name, value in report.user_properties if name == "figures"]
    if figures:
        terminalreporter.section("figures")
        for value in sorted(figures):
            terminalreporter.write_line(str(value))
