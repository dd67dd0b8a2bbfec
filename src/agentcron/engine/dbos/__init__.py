"""Runs executions on any number of nodes as workflows of DBOS Transact.

Our row is the truth: it is written first, claimed by whoever runs it, and settled once. DBOS's rows are machinery.
"""

from agentcron.engine.dbos.engine import DbosEngine

__all__ = ["DbosEngine"]
