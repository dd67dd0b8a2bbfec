"""A run that is judged by what it says it used, and a function that says so while it runs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agentcron.domain.limits import Limits
from agentcron.domain.outcomes import AgentOutcome, CostBasis, Usage
from agentcron.errors import LimitReached

if TYPE_CHECKING:
    from agentcron.ports import BackgroundAgent


class LimitedAgent:
    """Holds the answer of the agent within it to the limits: whatever the kind, a run that used more is a failure."""

    __slots__ = ("_agent", "_limits")

    def __init__(self, agent: BackgroundAgent, limits: Limits) -> None:
        self._agent = agent
        self._limits = limits

    @property
    def agent_id(self) -> str:
        return self._agent.agent_id

    async def run(self, prompt: str) -> AgentOutcome:
        return within(await self._agent.run(prompt), self._limits)

    def so_far(self) -> AgentOutcome | None:
        return self._agent.so_far()

    async def close(self) -> None:
        await self._agent.close()


def within(answer: AgentOutcome, limits: Limits) -> AgentOutcome:
    """The answer, as a failure where it used more than it may; an answer that is too long is cut there."""
    judged: Any = answer
    # Agents are other people's code: what is no answer at all is told by whoever reads it.
    if not isinstance(judged, AgentOutcome) or not isinstance(judged.output, str):
        return answer
    written = len(answer.output.encode("utf-8", "surrogatepass")) if limits.output_bytes is not None else 0
    hit = limits.hit(answer.usage, answer.cost_usd, output_bytes=written)
    if hit is None:
        return answer
    if limits.output_bytes is not None and written > limits.output_bytes:
        kept = answer.output.encode("utf-8", "surrogatepass")[: limits.output_bytes]
        answer = replace(answer, output=kept.decode("utf-8", "ignore"))
    return answer if answer.failed is not None else replace(answer, failed=hit)


def unheld(limits: Limits, *, counted: bool, cost_usd: Decimal | None) -> str | None:
    """What an agent is told to have failed at that does not say what a limit is about: it is taken for reached."""
    for name, most in limits:
        if name.endswith("_tokens") and not counted:
            return f"limit: {name}: the agent does not say how many it used, at most {most} allowed"
        if name == "cost_usd" and cost_usd is None:
            return f"limit: cost_usd: nobody says what it cost, at most {most:f} allowed"
    return None


class Meter:
    """What a function reports of itself; called in the midst of its work, it stops one that used too much."""

    __slots__ = ("_limits", "cost_usd", "usage")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.usage: Usage | None = None
        self.cost_usd: Decimal | None = None

    def report(self, usage: Usage, cost_usd: Decimal | None = None) -> None:
        """What was used since the run began. Raises ``LimitReached``."""
        self.usage, self.cost_usd = usage, cost_usd if cost_usd is not None else self.cost_usd
        if (hit := self._limits.hit(usage, self.cost_usd)) is not None:
            raise LimitReached(hit)

    def added_to(self, answer: AgentOutcome) -> AgentOutcome:
        """The answer with what was reported, where it does not say itself."""
        if self.usage is None or answer.usage is not None:
            return answer
        basis = CostBasis.UNKNOWN if self.cost_usd is None else CostBasis.REPORTED
        if answer.cost_usd is not None:
            return replace(answer, usage=self.usage)
        return replace(answer, usage=self.usage, cost_usd=self.cost_usd, cost_basis=basis)
