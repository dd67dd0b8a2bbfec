"""Runs executions on any number of nodes, handed out by DBOS Transact.

Our row is the truth: it is written first, claimed by whoever runs it, and settled once. DBOS's rows are machinery.
"""

from agentcron.engine.dbos.engine import DbosEngine
from agentcron.engine.dbos.limited import LimitedEngine

__all__ = ["DbosEngine", "LimitedEngine"]
