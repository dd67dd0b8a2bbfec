"""Run the benchmarks: `python -m benchmarks [NAME …]`.

python -m benchmarks                        the short programme of `make bench`
python -m benchmarks burst --count 1000     one workload, its size, and who takes part
"""

from __future__ import annotations

import argparse

from benchmarks import workloads
from benchmarks.goals import judge
from benchmarks.rounds import run_rounds
from benchmarks.table import table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help="workloads; default: all of the programme")
    parser.add_argument("--count", type=int, default=1000, help="jobs of a single workload")
    parser.add_argument("--places", type=int, default=0, help="runs at once; 0: no limit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="take part: the beginning of a label; may be repeated")
    given = parser.parse_args()
    measured(workloads.burst(given.count, given.places), given.rounds, given.only)


def measured(workload: workloads.Workload, rounds: int, only: list[str] | None) -> None:
    """Run one workload and print its table."""
    entries = [entry for entry in workload.entries if not only or entry.label.startswith(tuple(only))]
    told, silent = run_rounds(entries, rounds)
    verdicts = [judge(goal, told) for goal in workload.goals]
    print(table(workload, told, verdicts, silent), flush=True)


if __name__ == "__main__":
    main()
