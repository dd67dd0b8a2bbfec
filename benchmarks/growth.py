"""How a cost grows with the number of jobs or runs: the exponent that fits the kept results best."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.goals import MACHINE
from benchmarks.table import middle

FAMILIES: Final = (
    ("burst-", "drain_s", "draining jobs due at once"),
    ("cold-start-", "first_run_s", "first run after a start"),
    ("size-", "create_cpu_us", "creating one more job"),
    ("idle-", "cpu_per_minute_s", "idling"),
    ("history-", "last_50_ms", "last 50 runs of a job"),
    ("history-", "statistics_ms", "overall statistics"),
)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The k of cost = c * N^k, by least squares over the logarithms; points are (N, cost), at least two of them."""
    xs, ys = [math.log(n) for n, _ in points], [math.log(cost) for _, cost in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - mean_x) ** 2 for x in xs)


def growth(folder: Path) -> Iterator[str]:
    """A line for each cost and entry of which results of two sizes are kept."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    for prefix, key, word in FAMILIES:
        sizes = {int(name[len(prefix) :]): body for name, body in results.items() if _is_size(name, prefix)}
        labels = sorted({label for body in sizes.values() for each in body["rounds"] for label in each} - {MACHINE})
        for label in labels:
            points = [(n, cost) for n, body in sizes.items() if (cost := middle(body["rounds"], label, key))]
            if len(points) > 1:
                least, most = min(points), max(points)
                yield f"{word}, {label}: N^{exponent(points):.2f} from {least[0]:,} to {most[0]:,}"


def _is_size(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name[len(prefix) :].isdigit()
