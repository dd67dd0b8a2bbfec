"""Which characters may be shown as they are? Texts of agents and people may hold what steers a terminal or misleads."""

from __future__ import annotations

import unicodedata
from typing import Final

# Parts of emoji and of several scripts, invisible alone, and no danger to a terminal or a page.
JOINERS: Final = "\u200c\u200d"


def is_plain(text: str) -> bool:
    """Whether a text is one line that is shown as it is."""
    return text.isprintable() or all(char.isprintable() or char in JOINERS for char in text)


def plain(text: str) -> str:
    """The text, of one line or several, with a mark for each invisible character: it could steer the terminal that it
    is shown on, or make the text read as something else."""
    if text.isprintable():
        return text
    return "".join(
        char if char in "\n\t" or char in JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else "\ufffd"
        for char in text.replace("\r\n", "\n")
    )
