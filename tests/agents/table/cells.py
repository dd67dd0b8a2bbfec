"""What the history says of each kind of agent, whatever happens to it: written by hand, held by the tests.

``docs/agents-table.md`` is printed from it; ``test_agents_table`` runs every cell through a scheduler.
"""

from __future__ import annotations

from typing import Final

COLUMNS: Final = (
    *("answer", "tokens", "cost", "session", "resume", "limit hit", "denied action", "401", "429", "hang", "kill"),
)
NONE: Final = "-"
_LIMIT: Final = "FAILURE(limit), conversation kept"
_DENIED: Final = "kept; strict: FAILURE(agent)"
_TIMEOUT: Final = "INCOMPLETE(timeout)"
_PROGRAM: Final = ("ERROR(auth)", "ERROR(rate_limit)", _TIMEOUT, "ERROR(exit)")

# By kind, in the order of COLUMNS.
CELLS: Final[dict[str, tuple[str, ...]]] = {
    "python": (
        *("SUCCESS", "100 in, 5 out", "0.02 reported", NONE, NONE, "FAILURE(limit), use kept", NONE),
        *("ERROR(auth)", "ERROR(rate_limit)", _TIMEOUT, NONE),
    ),
    "command": (
        *("SUCCESS", NONE, "unknown", NONE, NONE, _LIMIT, NONE),
        *("ERROR(exit)", "ERROR(exit)", _TIMEOUT, "ERROR(exit)"),
    ),
    "pydantic-ai": (
        *("SUCCESS", "100 in, 5 out", "0.0003 estimated", "kept", "goes on", _LIMIT, NONE),
        *("ERROR(auth)", "ERROR(rate_limit)", _TIMEOUT, NONE),
    ),
    "claude-code": ("SUCCESS", "100 in, 5 out", "0.02 reported", "kept", "goes on", _LIMIT, _DENIED, *_PROGRAM),
    "codex": ("SUCCESS", "100 in, 5 out", "0.0001 estimated", "kept", "goes on", _LIMIT, _DENIED, *_PROGRAM),
    "gemini-cli": ("SUCCESS", "100 in, 5 out", "0.0001 estimated", "kept", "goes on", _LIMIT, _DENIED, *_PROGRAM),
    "opencode": ("SUCCESS", "100 in, 5 out", "0.02 reported", "kept", "goes on", _LIMIT, _DENIED, *_PROGRAM),
    "acp": ("SUCCESS", "100 in, 5 out", "0.02 reported", "kept", "goes on", _LIMIT, _DENIED, *_PROGRAM),
}
