"""The kind ``echo``: answers with the prompt. It calls no model; it shows that a schedule works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentcron.agents.recipes import Done, OneRun, Surroundings, Values
from agentcron.domain.outcomes import AgentOutcome

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent, RunContext


class EchoAgent(OneRun):
    """Says what it was told."""

    __slots__ = ()

    async def run(self, prompt: str) -> AgentOutcome:
        return AgentOutcome(output=prompt)


class EchoRecipe:
    """Needs nothing."""

    limits_kept = frozenset({"output_bytes"})
    description = "answers with the prompt itself; calls no model, does no work"

    def check(self) -> None:
        """Nothing can be missing."""

    def make(self, context: RunContext, agent_id: str, done: Done) -> BackgroundAgent:
        return EchoAgent(agent_id, done)

    def print_of(self) -> Any:
        return {"kind": "echo"}


def read(name: str, values: Mapping[str, Any], around: Surroundings) -> EchoRecipe:
    """The recipe of a definition; it has no keys of its own."""
    Values(name, values, ())
    return EchoRecipe()
