"""cronstable: jobs of a configuration file, a process for each run; each run of `touch` notes when it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import LEAD_SECONDS, POLL_SECONDS, Figures, Used, answer, burst_figures, until

_TICKS = os.sysconf("SC_CLK_TCK")


def burst(folder: Path, *, jobs: int, places: int = 0) -> Figures:
    """All at one second of one minute; it knows no limit of its own."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8 + jobs / 250)
    runs, config = folder / "runs", folder / "crontab.yaml"
    runs.mkdir()
    schedule = f"{due.second} {due.minute} {due.hour} * * * *"
    config.write_text(
        "jobs:\n"
        + "".join(
            f"  - name: job-{n}\n    schedule: '{schedule}'\n    utc: true\n"
            f"    command:\n      - touch\n      - {runs / str(n)}\n"
            for n in range(jobs)
        )
    )
    program = [str(Path(sys.executable).with_name("cronstable")), "-l", "ERROR", "-c", str(config)]
    daemon = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(until(due.timestamp() - LEAD_SECONDS))
    before, began = _cpu(daemon.pid), Used.now()
    deadline = time.time() + 300
    while len(os.listdir(runs)) < jobs and time.time() < deadline:
        time.sleep(POLL_SECONDS * 10)
    drained = time.time()
    used = Used(Used.now().wall - began.wall, _cpu(daemon.pid) - before)
    starts = [path.stat().st_mtime for path in runs.iterdir()]
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    return burst_figures(due.timestamp(), starts, drained, used)


def _cpu(pid: int) -> float:
    """Of the daemon and of the processes that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


if __name__ == "__main__":
    answer(burst=burst)
