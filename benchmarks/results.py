"""What is kept of a run of the benchmarks: a JSON file for each workload, read by the pictures and by people."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.environments import ROOT
from benchmarks.goals import Round, Verdict
from benchmarks.workloads import Workload

FOLDER: Final = ROOT / "benchmarks" / "results"


def write(workload: Workload, rounds: Sequence[Round], verdicts: Sequence[Verdict], silent: dict[str, str]) -> Path:
    """Replace the file of the workload."""
    shown = next(column for column in workload.columns if column.key == workload.shown)
    body = {
        "workload": workload.name,
        "title": workload.title,
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "shown": {"key": shown.key, "title": shown.title, "scale": shown.scale},
        "sizes": {entry.label: entry.sizes for entry in workload.entries},
        "goals": [
            {
                "text": each.goal.text,
                "bound": each.goal.bound,
                "at_least": each.goal.at_least,
                "found": _rounded(each.found),
                "met": each.met,
            }
            for each in verdicts
        ],
        "not_measured": silent,
        "rounds": [
            {label: {key: _rounded(value) for key, value in figures.items()} for label, figures in each.items()}
            for each in rounds
        ],
    }
    return write_json(workload.name, body)


def write_json(name: str, body: dict[str, Any]) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    return path


def machine() -> dict[str, Any]:
    """What the figures were made on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
