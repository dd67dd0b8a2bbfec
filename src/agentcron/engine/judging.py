"""What runs came to, judged and handed to the store many at a time.

Where each run did this by itself, right after its agent, its code had left the core's caches each time: a run took a
tenth longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from agentcron.engine.claimed import ids_of
from agentcron.engine.run import Run
from agentcron.engine.runner import Came, Runner
from agentcron.engine.settler import Settler
from agentcron.engine.turns import SLICE
from agentcron.observability import Log


class Judge:
    """Judges the runs that end here. ``forget`` is told of each once, when its outcome is kept or left to others."""

    def __init__(self, runner: Runner, settler: Settler, log: Log, forget: Callable[[Run], None]) -> None:
        self._runner, self._settler, self._log, self._forget = runner, settler, log, forget
        self._came: list[Came] = []

    @property
    def settling(self) -> bool:
        """Whether anything that ended here is still to be judged, or on its way into the store."""
        return bool(self._came) or self._settler.writing

    def add(self, came: Came) -> None:
        """Judge it in the next turn of the event loop, with all that end in this one."""
        if not self._came:
            asyncio.get_running_loop().call_soon(self._judge)
        self._came.append(came)

    def lost(self, run: Run, error: BaseException | None) -> None:
        """Leave its row to the next start, which tells the run as lost."""
        if error is not None:
            self._log.error(f"{run.execution.id} could not be settled: {error!r}", **ids_of(run.execution))
        self._forget(run)

    def _judge(self) -> None:
        group = self._came[:SLICE]
        del self._came[:SLICE]
        if self._came:
            asyncio.get_running_loop().call_soon(self._judge)
        for came in group:
            try:
                self._settle(came)
            except Exception as error:  # what goes wrong with one takes no neighbour with it
                self.lost(came.run, error)

    def _settle(self, came: Came) -> None:
        settlement = self._runner.settlement(came)
        if settlement is None:
            self._forget(came.run)
        else:
            self._settler.add(settlement, came.spec.name, partial(self._heard, came))

    def _heard(self, came: Came, error: Exception | None) -> None:
        if error is None:
            self._forget(came.run)
        else:
            lost = self._runner.lost_answer(came.run, came.spec, error)
            self._settler.add(lost, came.spec.name, partial(self.lost, came.run))
