"""Which pages of the documentation are generated, and from what.

``python -m docs.generator`` in the project's folder writes them; a test compares each with what stands in the folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from docs.generator import agents_table, daylight_saving, policy_table, reference

DOCS: Final = Path(__file__).parent.parent

_MAKERS: Final[tuple[Callable[[], dict[str, str]], ...]] = (
    agents_table.pages,
    policy_table.pages,
    daylight_saving.pages,
    reference.pages,
)


def pages() -> dict[str, str]:
    """Path in ``docs/`` and text of every generated page."""
    made: dict[str, str] = {}
    for maker in _MAKERS:
        made |= maker()
    return made
