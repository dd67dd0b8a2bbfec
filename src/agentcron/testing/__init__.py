"""What users' tests and ours are made with: a clock that stands still, agents that do as they are told, a store that
fails on request, a plugin over them, a simulation of months, and the suites that every store and engine must pass."""

from agentcron.testing.agents import Delay, FakeAgent, FakeAgentFactory, Gate, create_mock_agent_factory
from agentcron.testing.clock import FakeClock
from agentcron.testing.engine_contract import EngineBench, EngineContract
from agentcron.testing.environment import Environment, create_test_environment
from agentcron.testing.simulation import simulate
from agentcron.testing.storage import MockStorage, create_mock_storage_plugin
from agentcron.testing.store_contract import StoreContract

__all__ = [
    "Delay",
    "EngineBench",
    "EngineContract",
    "Environment",
    "FakeAgent",
    "FakeAgentFactory",
    "FakeClock",
    "Gate",
    "MockStorage",
    "StoreContract",
    "create_mock_agent_factory",
    "create_mock_storage_plugin",
    "create_test_environment",
    "simulate",
]
