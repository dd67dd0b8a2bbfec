"""Whether a regular expression is found in a text, in bounded time: some take for ever on some texts."""

from __future__ import annotations

from typing import Final

from agentcron.checks import apart
from agentcron.checks.place import LookFailed

_WORK: Final = 1
_SEARCH: Final = """
import re
answer(lambda pattern, text: re.search(pattern, text, re.MULTILINE) is not None)
"""


async def found(pattern: str, text: str) -> bool:
    """Whether it is found, as with ``re.MULTILINE``. Raises ``LookFailed`` where that takes too long."""
    try:
        return bool(await apart.done(_SEARCH, [pattern, text], seconds=_WORK))
    except apart.TooLong:
        raise LookFailed("takes too long to be searched for; write it without repetitions within repetitions") from None
