"""What users' tests and ours are made with: a clock that stands still, and the suite that every store must pass."""

from agentcron.testing.clock import FakeClock
from agentcron.testing.store_contract import StoreContract

__all__ = ["FakeClock", "StoreContract"]
