"""What users' tests and ours are made with: a clock that stands still, agents that do as they are told, and the suite
that every store must pass."""

from agentcron.testing.agents import FakeAgent, FakeAgentFactory, Gate
from agentcron.testing.clock import FakeClock
from agentcron.testing.store_contract import StoreContract

__all__ = ["FakeAgent", "FakeAgentFactory", "FakeClock", "Gate", "StoreContract"]
