"""How the entries of a workload take turns, and what they told in each round."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

from benchmarks.environments import BENCH, ROOT, UnavailableError, command_of
from benchmarks.goals import Round
from benchmarks.measure import Figures
from benchmarks.workloads import Entry

PATIENCE: Final = 900.0


# Peers are installed with their bytecode, ours is a source tree: without this variable the first round compiles it, and
# no later one does.
COMPILED: Final = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}


def run_rounds(entries: Sequence[Entry], rounds: int, *, patient: bool = True) -> tuple[list[Round], dict[str, str]]:
    """The figures of each round, and for entries that told none the reason why.

    Entries take turns, and begin at another one in each round, so that no one has the quiet minutes to itself.
    ``patient``: slow entries take part in every round, not in the first one only.
    """
    told: list[Round] = []
    silent: dict[str, str] = {}
    for number in range(rounds):
        turn = number % len(entries)
        found: Round = {}
        for entry in (*entries[turn:], *entries[:turn]):
            if entry.label in silent or (entry.slow and number and not patient):
                continue
            try:
                found[entry.label] = run_once(entry)
            except UnavailableError as reason:
                silent[entry.label] = str(reason)
                print(f"{entry.label}: {reason}", file=sys.stderr)
        told.append({entry.label: found[entry.label] for entry in entries if entry.label in found})
    return told, silent


def run_once(entry: Entry) -> Figures:
    """One process of one peer. Raises ``UnavailableError`` where it ends badly or tells nothing."""
    command = command_of(entry.peer)
    (BENCH / "work").mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(dir=BENCH / "work")
    command = [*command, entry.program, json.dumps(entry.sizes), folder]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False, env=COMPILED
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"took longer than {PATIENCE:.0f} s") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode:
        raise UnavailableError(f"ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures
