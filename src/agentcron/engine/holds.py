"""What a provider that asks to wait means for the run that heard it, and for all others that would ask it."""

from __future__ import annotations

from datetime import datetime

from agentcron.domain.outcomes import Errored, Held
from agentcron.domain.policies import LONGEST_WAIT
from agentcron.observability import Log
from agentcron.ports import AgentFactory


class Holds:
    """Tells once for each provider that it asked to wait."""

    def __init__(self, factory: AgentFactory, log: Log) -> None:
        self._factory = factory
        self._log = log
        self._told: dict[str, datetime] = {}

    def held(self, outcome: Errored, agent: str, now: datetime) -> Held | Errored:
        """The outcome of a run of ``agent`` whose provider said for how long to wait; others stay as they are."""
        provider, wait = outcome.provider, outcome.retry_after
        if provider is None or wait is None:
            return outcome
        until = now + min(wait, LONGEST_WAIT)
        sharing = getattr(self._factory, "sharing", None)
        agents = tuple(sorted({agent, *(sharing(provider) if sharing is not None else ())}))
        if self._told.get(provider, now) <= now:
            self._told[provider] = until
            when = until.isoformat(timespec="seconds")
            self._log.warning(f"{provider} asks to wait until {when}: runs of {', '.join(agents)} wait")
        return Held(key=provider, until=until, agents=agents, message=outcome.message, answer=outcome.answer)
