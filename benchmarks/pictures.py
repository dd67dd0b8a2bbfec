"""A picture of each workload for the documentation, drawn from the kept results. Runs where matplotlib is."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullFormatter

_ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = _ROOT / "benchmarks" / "results"
PICTURES: Final = _ROOT / "docs" / "pictures"

INK, FAINT, OURS, OTHERS, UNMET = "#1f2933", "#d5dbe1", "#1f6feb", "#9aa5b1", "#d9822b"
# From this ratio of the longest bar to the shortest on, a linear scale shows one bar only.
LOG_FROM: Final = 15

mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "agentcron",
        "font.family": "sans-serif",
        "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans", "sans-serif"],
        "font.size": 11,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "xtick.color": INK,
        "ytick.color": INK,
    }
)


def draw(result: dict[str, Any]) -> None:
    """Bars of all entries by the figure that the workload shows; of one entry alone, how it stands to its goals."""
    found = compared(result)
    bars = dict(sorted(found.items(), key=lambda bar: bar[1]))
    if len(bars) > 1:
        title = f"{result['title']}: {result['shown']['title']}"
        _bars(result["workload"], title, bars, [OURS if name.startswith("agentcron") else OTHERS for name in bars])
    else:
        shares = to_goals(result)
        colours = [OURS if value <= 1 else UNMET for value in shares.values()]
        _bars(result["workload"], f"{result['title']}: share of what the goal allows", shares, colours, goal=1.0)


def compared(result: dict[str, Any]) -> dict[str, float]:
    """The middle of the shown figure for every entry that told it, the machine left out."""
    key, scale = result["shown"]["key"], result["shown"]["scale"]
    found: dict[str, list[float]] = {}
    for each in result["rounds"]:
        for label, figures in each.items():
            if key in figures and label != "machine":
                found.setdefault(label, []).append(figures[key] * scale)
    return {label: statistics.median(values) for label, values in found.items()}


def to_goals(result: dict[str, Any]) -> dict[str, float]:
    """By goal: 1 where it is just met, less where there is room."""
    shares = {}
    for goal in result["goals"]:
        found, bound = goal["found"], goal["bound"]
        if found is not None and bound:
            shares[goal["text"]] = bound / found if goal["at_least"] else found / bound
    return shares


def _bars(name: str, title: str, values: dict[str, float], colours: list[str], goal: float | None = None) -> None:
    figure, axes = pyplot.subplots(figsize=(9, 1.1 + 0.42 * len(values)))
    drawn = axes.barh(list(values), list(values.values()), color=colours, height=0.62)
    axes.bar_label(drawn, labels=[_told(value) for value in values.values()], padding=5)
    axes.invert_yaxis()
    positive = [value for value in values.values() if value > 0]
    if positive and max(positive) / min(positive) > LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(min(positive) / 2, max(positive) * 4)
        axes.set_xlabel("logarithmic scale", color=INK, fontsize=9)
        axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    else:
        axes.set_xlim(0, max(positive, default=1) * 1.18)
    if goal is not None:
        axes.axvline(goal, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=10)
    axes.grid(axis="x", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    _save(figure, name)


def growth(results: dict[str, dict[str, Any]], prefix: str, title: str, key: str, scale: float) -> None:
    """How a figure of ours and of its peers grows with the number of jobs."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for name, result in results.items():
        number = name.removeprefix(prefix)
        if name.startswith(prefix) and number.isdigit():
            for label, value in compared({**result, "shown": {"key": key, "scale": scale}}).items():
                lines.setdefault(label, []).append((int(number), value))
    figure, axes = pyplot.subplots(figsize=(9, 3.6))
    for label, points in lines.items():
        if len(points) > 1:
            numbers, values = zip(*sorted(points), strict=True)
            ours = label.startswith("agentcron")
            axes.plot(numbers, values, marker="o", color=OURS if ours else OTHERS, linewidth=2.4 if ours else 1.6)
            axes.annotate(
                label, (numbers[-1], values[-1]), xytext=(9, 0), textcoords="offset points", va="center", fontsize=10
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 2, high * 2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_tick))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("jobs")
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=10)
    axes.grid(which="major", color=FAINT, linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.subplots_adjust(right=0.68)
    _save(figure, f"growth-{prefix.rstrip('-')}")


def _tick(value: float, position: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _told(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _save(figure: Any, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURES / f"bench-{name}.svg", bbox_inches="tight", facecolor="white", metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    kept = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    results = {name: result for name, result in kept.items() if "goals" in result}
    for result in results.values():
        draw(result)
    growth(results, "burst-", "jobs due in the same second: CPU us/run", "cpu_us", 1)
    growth(results, "cold-start-", "start until the first overdue run: ms", "first_run_s", 1e3)


if __name__ == "__main__":
    main()
