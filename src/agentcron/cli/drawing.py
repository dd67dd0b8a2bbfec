"""How a table is drawn on a terminal, a narrow one too."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# An id that is broken over lines cannot be copied, and a time or a number not be read at a glance.
_WHOLE: Final = frozenset(
    ("ID", "EXECUTION", "NODE", "LETTER", "STATUS", "TOOK", "NEXT RUN", "UP SINCE", "WRITTEN", "EXPIRES",
     "CREATED", "PID", "TRIES", "TOKENS", "SETTING")
)  # fmt: skip
# What is text is broken between words, into lines of this width at least; a longer word is kept whole up to the other.
_LEAST: Final = 12
_WORD: Final = 16
# A slot is a time, with words beside it now and then.
_TIME: Final = 23
_STYLES: Final = {
    "SUCCESS": "green",
    "FAILURE": "red",
    "ERROR": "red",
    "INCOMPLETE": "yellow",
    "MISSED": "yellow",
    "SKIPPED": "dim",
    "RUNNING": "cyan",
    "PAUSED": "yellow",
    "AWAITING_INPUT": "magenta",
}


def drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str]) -> str:
    """The table as wide as the terminal allows. Where not even its narrowest form fits, ``spare`` columns are left out
    and named below, the first first; where that is not enough, each row stands as a block with a line for each cell."""
    target = io.StringIO()
    console = Console(file=target, width=Console().width, force_terminal=True, no_color=None)
    natural = [max(cell_len(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
    if _width(natural, gap=3) <= console.width:
        console.print(_table(columns, rows, dict(enumerate(natural)), gap=3))
        return target.getvalue().rstrip("\n")
    least = [_least(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    for many in range(len(spare) + 1):
        widths = {n: min(least[n], natural[n]) for n, column in enumerate(columns) if column not in spare[:many]}
        left = console.width - _width(widths.values(), gap=2)
        if left >= 0:
            _widen(widths, natural, left)
            console.print(_table(columns, rows, widths, gap=2))
            if many:
                console.print(Text(f" no room for {', '.join(spare[:many])}", style="dim"))
            break
    else:
        console.print(_blocks(columns, rows))
    return target.getvalue().rstrip("\n")


def _width(widths: Collection[int], *, gap: int) -> int:
    # The box has a blank at both sides.
    return sum(widths) + gap * (len(widths) - 1) + 2


def _least(column: str, cells: Sequence[str]) -> int:
    """How narrow a column may be."""
    if column == "SLOT":
        return _TIME
    if column in _WHOLE:
        return max(map(cell_len, (column, *cells)))
    longest = max(cell_len(word) for cell in (column, *cells) for word in cell.split() or [""])
    return max(_LEAST, min(longest, _WORD))


def _widen(widths: dict[int, int], natural: Sequence[int], left: int) -> None:
    """Share the room that is left among the columns that are narrower than what is in them."""
    while left > 0 and (narrow := [place for place, width in widths.items() if width < natural[place]]):
        for place in narrow[:left]:
            widths[place] += 1
        left -= len(narrow)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Mapping[int, int], *, gap: int) -> Table:
    # Between two columns the box itself has a blank.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, gap - 2))
    for place, width in widths.items():
        table.add_column(columns[place], overflow="fold", width=width)
    for row in rows:
        table.add_row(*(_cell(row[place]) for place in widths))
    return table


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            table.add_row("", "")
        for column, cell in zip(columns, row, strict=True):
            if cell:
                table.add_row(column, _cell(cell))
    return table


def _cell(text: str) -> Text:
    # Text, because answers of agents may hold what looks like markup.
    return Text(text, style=_STYLES.get(text, ""))
