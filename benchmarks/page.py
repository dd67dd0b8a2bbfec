"""The part of docs/performance.md that is made from the kept results: each goal, what was found, and the growth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.growth import growth
from benchmarks.table import shown

BEGIN: Final = "<!-- figures: written by `make bench` -->"
END: Final = "<!-- end of figures -->"
_WORD: Final = {True: "met", False: "**unmet**", None: "not measured"}


def rewritten(page: str, folder: Path) -> str:
    """The page with its figures replaced by those of the folder. Raises ``ValueError`` where the marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN!r} or {END!r}")
    # Those of measurements that have no goals are told in words.
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    results = [result for result in kept if "goals" in result]
    lines = ["| workload | goal | found | |", "| --- | --- | --- | --- |", *_goals(results)]
    fits = [f"- {line}" for line in growth(folder)]
    return "\n".join([before + begin, "", *lines, "", *fits, "", end + after])


def _goals(results: list[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        title = result["title"]
        for goal in result["goals"]:
            wanted = f"{goal['text']} {'>=' if goal['at_least'] else '<='} {shown(goal['bound'])}"
            yield f"| {title} | {wanted} | {shown(goal['found'])} | {_WORD[goal['met']]} |"
            title = ""
