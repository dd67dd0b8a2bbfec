"""What is recorded of each kind of agent, as a page, printed from the cells that the tests run."""

from __future__ import annotations

from typing import Final

from tests.agents.table.cells import CELLS, COLUMNS

_INTRO: Final = """# Agents table

What the history says of each kind of agent, whatever happens to it. [Agents](agents.md) says how each is set up.

This page is generated from `tests/agents/table/cells.py`. The tests run each cell through a scheduler, with doubles of
the programs that print what the real ones were seen to print; `make test-agents` runs the real ones.

| a column says | what was tried |
| --- | --- |
| answer | an agent that answers `done` |
| tokens, cost | what the run of that agent used; `estimated` is by the list of prices |
| session | whether the agent's own name for the conversation is kept |
| resume | whether the next run goes on with it: `resume = "last"`, for pydantic-ai `conversation = continue` |
| limit hit | an agent that calls tools for ever, under a limit of two (commands: 100 bytes) |
| denied action | an agent that is kept from an action, and the same under `denied_actions = "strict"` |
| 401, 429 | a provider that refuses the key, or says that it is too much (a command: exit codes 1, 75) |
| hang | an agent that never answers, under a timeout; its processes are gone when the run is over |
| kill | the agent's program is killed by somebody else |

A `-` is what there is not: a command tells no tokens, functions and models have no program of their own. A 429
that says until when holds the provider.
"""


def pages() -> dict[str, str]:
    """The page by its path."""
    lines = [_INTRO, f"| kind | {' | '.join(COLUMNS)} |", f"| --- |{' --- |' * len(COLUMNS)}"]
    lines += [f"| `{kind}` | {' | '.join(cells)} |" for kind, cells in CELLS.items()]
    return {"agents-table.md": "\n".join(lines) + "\n"}
