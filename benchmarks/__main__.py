"""Run the benchmarks.

python -m benchmarks                              the short programme (make bench)
python -m benchmarks --full                       the sizes of the goals (make bench-full)
python -m benchmarks --name burst-1000            one workload of the programme
python -m benchmarks burst --count 1000 --only agentcron --only "APScheduler 3"
                                                  one burst of any size; nothing is written
python -m benchmarks check [--record]             is the path dearer than what was recorded? (make bench-check)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

from benchmarks import check, results, workloads
from benchmarks.environments import ROOT, UnavailableError, python_of
from benchmarks.goals import Verdict, judge
from benchmarks.growth import growth
from benchmarks.page import rewritten
from benchmarks.rounds import run_once, run_rounds
from benchmarks.table import summary, table


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("programme", "burst", "check", "pictures"), default="programme")
    parser.add_argument("--full", action="store_true", help="the sizes of the goals, five rounds")
    parser.add_argument("--name", action="append", help="the beginning of a workload's name; may be repeated")
    parser.add_argument("--only", action="append", help="the beginning of the label of who takes part; may be repeated")
    parser.add_argument("--rounds", type=int, help="default: 3, with --full 5")
    parser.add_argument("--count", type=int, default=1000, help="jobs of a single burst")
    parser.add_argument("--places", type=int, default=0, help="runs at once of a single burst; 0: no limit")
    parser.add_argument("--record", action="store_true", help="keep what the check finds")
    given = parser.parse_args()
    rounds = given.rounds or (5 if given.full else 3)
    if given.what == "check":
        return checked(record=given.record)
    if given.what == "pictures":
        drawn()
        paged()
    elif given.what == "burst":
        measured(workloads.burst(given.count, given.places), rounds, given.only, keep=False)
    else:
        chosen = workloads.full() if given.full else workloads.short()
        # Of the whole programme at its full sizes slow peers take every turn; who looks at one workload need not wait.
        programme(chosen, rounds, given.only, given.name, patient=given.full and not given.name)
    return 0


def programme(
    chosen: list[workloads.Workload], rounds: int, only: list[str] | None, names: list[str] | None, *, patient: bool
) -> None:
    """Run the workloads one after another, keep what they told, and draw it."""
    began, verdicts = time.monotonic(), dict[str, list[Verdict]]()
    for workload in chosen:
        if not names or workload.name.startswith(tuple(names)):
            verdicts[workload.title] = measured(workload, rounds, only, keep=only is None, patient=patient)
    print(summary(verdicts))
    if only is None:
        print("\n".join(["\ngrowth with N", *(f"  {line}" for line in growth(results.FOLDER))]))
        drawn()
        paged()
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")


def measured(
    workload: workloads.Workload, rounds: int, only: list[str] | None, *, keep: bool, patient: bool = True
) -> list[Verdict]:
    """Run one workload and print its table."""
    entries = [entry for entry in workload.entries if not only or entry.label.startswith(tuple(only))]
    told, silent = run_rounds(entries, rounds, patient=patient)
    verdicts = [judge(goal, told) for goal in workload.goals]
    print(table(workload, told, verdicts, silent), flush=True)
    if keep:
        results.write(workload, told, verdicts, silent)
    return verdicts


def drawn() -> None:
    """Draw the pictures of all kept results; without matplotlib the figures are kept all the same."""
    try:
        python = python_of("pictures")
    except UnavailableError as reason:
        print(f"no pictures: {reason}", file=sys.stderr)
        return
    subprocess.run([str(python), "-m", "benchmarks.pictures"], cwd=ROOT, check=True)


def paged() -> None:
    """Put the kept figures into the page that explains them."""
    page = ROOT / "docs" / "performance.md"
    page.write_text(rewritten(page.read_text(), results.FOLDER))


def checked(*, record: bool) -> int:
    """Compare with what was recorded, or record it; the exit code is 1 where something got dearer."""
    found = {name: costs(name) for name in check.CHECKED}
    if record:
        results.write_json("check", check.to_json(found))
        return 0
    path = results.FOLDER / "check.json"
    kept = check.from_json(json.loads(path.read_text())) if path.exists() else {}
    for name in [name for name in found if check.regressions(kept, {name: found[name]})]:
        # What a neighbour takes it gives back; what a change takes is missing the second time as well.
        print(f"{name}: looks dearer; measured once more")
        found[name] = min(found[name], costs(name), key=lambda cost: cost.relative_cpu)
    lines = check.regressions(kept, found)
    print("\n".join(lines) or "nothing got dearer")
    return 1 if lines else 0


def costs(name: str) -> check.Cost:
    """What one of the checked programs costs."""
    entry, exact, most = check.CHECKED[name]
    found = check.cost([run_once(entry) for _ in range(check.ROUNDS)], exact=exact, most_commits=most)
    print(f"{name}: {found.commits:g} commits, CPU {found.relative_cpu:.2e} of the calibration loop", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
