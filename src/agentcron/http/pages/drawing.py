"""Pictures of history as SVG: pure functions from values to markup.

Of marks there are thousands on a page, so they are plain text until the picture is whole; words in them are escaped one
by one.

Lengths across are per cents, so that a picture is as wide as its place and its lines stay sharp; colours are classes
of the stylesheet (``s-success``), and every mark says in words what it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from agentcron.domain.lifecycle import ExecutionStatus

# Of several statuses in one place the first of these is shown.
WORST: Final = ("ERROR", "FAILURE", "INCOMPLETE", "MISSED", "RUNNING", "SUCCESS", "SKIPPED")
_BAD: Final = frozenset({"ERROR", "FAILURE", "INCOMPLETE", "MISSED"})
_ROW: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One run: where it stands in time, how it ended, what to say when it is pointed at, and where it leads."""

    start: datetime
    end: datetime
    status: ExecutionStatus
    title: str
    link: str = ""


def sparkline(runs: Sequence[tuple[ExecutionStatus, timedelta | None]], most: int = 20) -> Markup:
    """The last runs, oldest first: the taller the longer, those that went wrong hang below the line."""
    shown = list(runs)[-most:]
    lengths = [math.log1p(_seconds(took)) for _, took in shown]
    longest = max(lengths, default=0.0) or 1.0
    drawn = []
    for place, ((status, _), length) in enumerate(zip(shown, lengths, strict=True), most - len(shown)):
        height = 3 + round(9 * length / longest)
        bad = status.value in _BAD
        y = 14 if bad else 13 - height
        drawn.append(
            f'<rect class="{status_class(status)}" x="{place * 5}" y="{y}" width="4" height="{6 if bad else height}"/>'
        )
    told = f"Last runs: {_counted(Counter(status.value for status, _ in shown))}" if shown else "No run yet"
    return _svg("spark", told, [_whole(drawn)], viewBox=f"0 0 {most * 5} 20")


def heatmap(days: Mapping[date, Mapping[ExecutionStatus, int]], last: date, weeks: int = 13) -> Markup:
    """What became of each day's slots, a column a week from Monday on; the last one holds ``last``."""
    first = last - timedelta(days=last.weekday(), weeks=weeks - 1)
    most = max((sum(counts.values()) for counts in days.values()), default=0)
    marks: list[Markup] = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        counts = {status.value: n for status, n in days.get(day, {}).items() if n}
        worst = next((name for name in WORST if name in counts), "")
        level = 1 + round(3 * math.sqrt(sum(counts.values()) / most)) if counts else 0
        kind = f"{_class(worst)} level{level}" if worst else "empty"
        x, y = offset // 7 * 14 + 30, offset % 7 * 14 + 16
        title = f"{day:%a} {day.day} {day:%b}: {_counted(counts) if counts else 'nothing was due'}"
        marks.append(
            Markup('<rect class="{}" x="{}" y="{}" width="11" height="11" rx="2"><title>{}</title></rect>').format(
                kind, x, y, title
            )
        )
        if worst in _BAD:
            # A mark besides the colour.
            marks.append(Markup('<circle class="notch" cx="{}" cy="{}" r="1.8"/>').format(x + 5.5, y + 5.5))
        if day.day == 1 or (offset == 0 and day.day < 22):
            marks.append(Markup('<text x="{}" y="10">{}</text>').format(x, f"{day:%b}"))
    for row, name in ((0, "Mon"), (2, "Wed"), (4, "Fri")):
        marks.append(Markup('<text x="0" y="{}">{}</text>').format(row * 14 + 25, name))
    total: Counter[str] = Counter()
    for counts_of_day in days.values():
        total.update({status.value: n for status, n in counts_of_day.items()})
    told = f"{weeks} weeks, day by day: {_counted(total) if total else 'nothing was due'}"
    return _svg("heat", told, marks, viewBox=f"0 0 {weeks * 14 + 30} 114")


def lanes(bars: Iterable[Bar], start: datetime, end: datetime) -> tuple[Markup, int]:
    """The runs of one job side by side in time, one below the other where they collide; and how many at most did."""
    free: list[datetime] = []
    drawn: list[str] = []
    for bar in sorted(bars, key=lambda one: one.start):
        lane = next((n for n, until in enumerate(free) if until <= bar.start), len(free))
        free[lane : lane + 1] = [bar.end]
        left, right = _at(bar.start, start, end), _at(bar.end, start, end)
        title = escape(bar.title)
        mark = (
            f'<rect class="{status_class(bar.status)}" x="{left:.3f}%" y="{lane * _ROW + 2}" '
            f'width="{max(right - left, 0.25):.3f}%" height="12" rx="2"><title>{title}</title></rect>'
        )
        drawn.append(f'<a href="{escape(bar.link)}" aria-label="{title}">{mark}</a>' if bar.link else mark)
    most = max(len(free), 1)
    told = f"{len(drawn)} {'run' if len(drawn) == 1 else 'runs'}"
    # A group and no picture: a reader of the screen would not be told of links within a picture.
    return _svg("lanes", told, [_whole(drawn)], role="group", height=f"{most * _ROW}"), most


def columns(counts: Sequence[int], titles: Sequence[str], told: str) -> Markup:
    """How many in each stretch, as columns from left to right."""
    most, width = max(counts, default=0) or 1, 100 / max(len(counts), 1)
    drawn = []
    for place, (number, title) in enumerate(zip(counts, titles, strict=True)):
        height = 2 + 34 * number / most if number else 1
        kind, left = ("column" if number else "ground"), place * width + width * 0.08
        drawn.append(
            f'<rect class="{kind}" x="{left:.3f}%" y="{38 - height:.1f}" width="{width * 0.84:.3f}%" '
            f'height="{height:.1f}"><title>{escape(title)}</title></rect>'
        )
    return _svg("columns", told, [_whole(drawn)], height=38)


def ticks(start: datetime, end: datetime, marks: Sequence[tuple[datetime, str]]) -> Markup:
    """Names under points in time."""
    drawn = [
        Markup('<text x="{:.3f}%" y="11">{}</text>').format(_at(instant, start, end), name) for instant, name in marks
    ]
    return _svg("ticks", "", drawn, height=14)


def stretch(waited: timedelta, ran: timedelta | None, status: ExecutionStatus) -> Markup:
    """One run from when it was due to its end: the wait, then the work."""
    whole = _seconds(waited) + _seconds(ran) or 1.0
    left = 100 * _seconds(waited) / whole
    # Neither part may vanish beside the other.
    left = min(max(left, 1.5 if waited else 0.0), 98.5)
    marks = [Markup('<rect class="wait" x="0" y="4" width="{:.2f}%" height="8"/>').format(left)]
    if ran is not None:
        marks.append(
            Markup('<rect class="{}" x="{:.2f}%" y="2" width="{:.2f}%" height="12" rx="2"/>').format(
                status_class(status), left, 100 - left
            )
        )
    return _svg("stretch", f"waited {_seconds(waited):.1f} s, worked {_seconds(ran):.1f} s", marks, height=16)


def status_class(status: ExecutionStatus) -> str:
    """The class that colours a status."""
    return _class(status.value)


def _class(name: str) -> str:
    return f"s-{name.lower().replace('_', '-')}"


def _whole(drawn: Iterable[str]) -> Markup:
    """Marks whose words were escaped, as markup."""
    return Markup("".join(drawn))  # noqa: S704 - see above


def _svg(kind: str, told: str, marks: Iterable[Markup], *, role: str = "img", **sizes: object) -> Markup:
    # Pictures without words of their own stand beside text that says the same.
    said = f'role="{role}" aria-label="{escape(told)}"' if told else 'aria-hidden="true"'
    size = " ".join(f'{name}="{value}"' for name, value in sizes.items())
    return _whole([f'<svg class="{kind}" {size} {said}>', *marks, "</svg>"])


def _at(instant: datetime, start: datetime, end: datetime) -> float:
    return 100 * min(max((instant - start) / (end - start), 0.0), 1.0)


def _seconds(duration: timedelta | None) -> float:
    return max(duration.total_seconds(), 0.0) if duration is not None else 0.0


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{counts[name]} {name.lower()}" for name in (*WORST, "PENDING", "AWAITING_INPUT") if counts.get(name)
    )
