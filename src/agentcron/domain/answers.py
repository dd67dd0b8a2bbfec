"""What an answer says of itself: that the work was not done, or that there is nothing to tell."""

from __future__ import annotations

from typing import Final

from agentcron.domain.checks import check_regex
from agentcron.errors import InvalidJobError

FAILURE_MARKER: Final = "FAILED:"
MAX_MARKER: Final = 200
_REGEX: Final = "regex:"
# Models like to set a line in bold, as a heading, or as code.
_DRESS: Final = "*_#>` \t"


def said_failed(marker: str | None, answer: str) -> str | None:
    """Why the agent says that it failed: what follows ``marker`` at the beginning of its first line; else None."""
    if not marker or marker not in answer:
        return None
    first = next((line for line in answer.splitlines() if line.strip()), "").strip(_DRESS)
    if not first.startswith(marker):
        return None
    return first[len(marker) :].strip(_DRESS) or "the agent says that it failed, and not why"


def silence_of(rule: str | None) -> str | None:
    """The regular expression that makes an answer silent where it is found; None for a rule of another kind."""
    return rule[len(_REGEX) :] if rule is not None and rule.startswith(_REGEX) else None


def is_silent(rule: str | None, answer: str) -> bool:
    """Whether the answer has nothing to tell: its first or last line is the marker, or it is empty. Without a rule
    every answer is to be told. A rule with an expression is judged by whoever may search for it."""
    if rule is None:
        return False
    lines = [stripped for line in answer.splitlines() if (stripped := line.strip(_DRESS))]
    if not lines:
        return True
    return rule in (lines[0], lines[-1])


def check_marker(name: str, text: str | None) -> None:
    """Raise ``InvalidJobError`` for a marker that no line could be, and for a bad expression."""
    if text is None:
        return
    if not text.strip() or text != text.strip() or not text.isprintable() or len(text) > MAX_MARKER:
        raise InvalidJobError(
            f"{name}: {text!r} is not a marker; give 1 to {MAX_MARKER} characters of one line, or none", field=name
        )
    if name == "silent" and text.startswith(_REGEX):
        check_regex(name, text[len(_REGEX) :])
