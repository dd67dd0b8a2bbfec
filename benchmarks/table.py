"""The tables that are printed: one line an entry, then one line a goal."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.goals import MACHINE, OURS, Round, Verdict
from benchmarks.workloads import Workload


def middle(rounds: Sequence[Round], label: str, key: str) -> float | None:
    """The median of a figure over the rounds that told it."""
    found = [each[label][key] for each in rounds if key in each.get(label, {})]
    return statistics.median(found) if found else None


def compared(rounds: Sequence[Round], label: str, key: str) -> float | None:
    """The median of an entry's figure over ours, round by round."""
    found = [
        each[label][key] / each[OURS][key]
        for each in rounds
        if key in each.get(label, {}) and each.get(OURS, {}).get(key)
    ]
    return statistics.median(found) if found else None


def shown(value: float | None) -> str:
    """Three digits that count, thousands apart."""
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def table(workload: Workload, rounds: Sequence[Round], verdicts: Sequence[Verdict], silent: dict[str, str]) -> str:
    """The workload as text."""
    told_something = set(silent).union(*rounds) - {MACHINE}
    labels = [entry.label for entry in workload.entries if entry.label in told_something]
    width = max(map(len, labels))
    titles = [column.title for column in workload.columns]
    lines = [
        f"\n{workload.title} (middle of {len(rounds)} rounds)",
        f"{'':{width}}  {'x ours':>8}" + "".join(f"  {title:>{max(len(title), 9)}}" for title in titles),
    ]
    for label in labels:
        if label in silent:
            lines.append(f"{label:{width}}  not measured: {silent[label].splitlines()[-1][:90]}")
            continue
        cells = f"{label:{width}}  {shown(compared(rounds, label, workload.shown)):>8}"
        for column in workload.columns:
            value = middle(rounds, label, column.key)
            scaled = None if value is None else value * column.scale
            cells += f"  {shown(scaled):>{max(len(column.title), 9)}}"
        lines.append(cells)
    if (commits := middle(rounds, MACHINE, "commits_per_s")) is not None:
        keys = ("commit_cpu_us", "grouped_rows_per_s", "tasks_per_s")
        cpu, grouped, tasks = (shown(middle(rounds, MACHINE, key)) for key in keys)
        lines.append(
            f"machine, same rounds: {shown(commits)} one-row commits/s at {cpu} us CPU, {grouped} rows/s in groups of "
            f"100, {tasks} tasks/s"
        )
    return "\n".join([*lines, *map(told, verdicts)])


def told(verdict: Verdict) -> str:
    """A goal on one line."""
    word = {True: "met  ", False: "UNMET", None: "?    "}[verdict.met]
    sign = ">=" if verdict.goal.at_least else "<="
    return f"  {word} {verdict.goal.text}: {shown(verdict.found)} (goal {sign} {shown(verdict.goal.bound)})"


def summary(verdicts: Mapping[str, Sequence[Verdict]]) -> str:
    """How the workloads stand, a line each; a workload is met where all of its goals are."""
    lines = ["\nall workloads"]
    for title, found in verdicts.items():
        unmet = [f"{each.goal.text} {shown(each.found)}" for each in found if each.met is False]
        unknown = any(each.met is None for each in found)
        word = "UNMET" if unmet else "?    " if unknown else "met  "
        lines.append(f"  {word} {title}" + (f": {'; '.join(unmet)}" if unmet else ""))
    return "\n".join(lines)
