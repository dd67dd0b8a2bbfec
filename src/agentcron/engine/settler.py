"""How what runs came to is kept: many at once, and again while the store cannot, since it was paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agentcron.domain.parking import told as told_of
from agentcron.domain.settling import Settlement
from agentcron.errors import StoreConflict, StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

STORE_RETRY: Final = timedelta(seconds=1)
# What hears how a settlement fared: None where it is kept or somebody else was first, else why no store can keep it.
Heard = Callable[[Exception | None], None]


@dataclass(slots=True, eq=False)
class Waiting:
    """A settlement on its way into the store."""

    settlement: Settlement
    name: str
    heard: Heard
    kept: bool = False


class Settler:
    """Writes settlements in groups: what ends while one group is written goes with the next."""

    def __init__(
        self, store: JobStore, clock: Clock, log: Log, on_settled: Callable[[Settlement], None] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._on_settled = on_settled
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._given_up = False

    def add(self, settlement: Settlement, name: str, heard: Heard) -> None:
        """Keep the settlement; ``heard`` is told once. ``name`` is the job's, for the log."""
        self._waiting.append(Waiting(settlement, name, heard))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="agentcron-settler")
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def settle(self, settlement: Settlement, name: str) -> bool:
        """Keep the settlement; False where the row belongs to somebody else. Raises what no store can keep."""
        heard: list[Exception | None] = []
        waiting = Waiting(settlement, name, heard.append)
        await self._keep([waiting])
        if heard[0] is not None:
            raise heard[0]
        return waiting.kept

    def give_up(self) -> None:
        """Write what can be written; do not wait for a store that fails. The next start settles those rows."""
        self._given_up = True

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._keep(group)
        finally:
            self._task = None

    async def _keep(self, group: Sequence[Waiting]) -> None:
        failing = False
        while True:
            try:
                kept = await self._store.settle([waiting.settlement for waiting in group])
                if failing:
                    # An answer that was lost on the way may have been a yes: this try is refused by the first one.
                    kept = [
                        was or await self._is_kept(waiting.settlement) for was, waiting in zip(kept, group, strict=True)
                    ]
                break
            except Exception as error:
                if isinstance(error, StoreError) and not isinstance(error, StoreConflict):
                    if self._given_up:
                        self._leave(group, error)
                        return
                    if not failing:
                        self._log.error(f"the outcome of {_named(group)} waits for the store: {error}")
                    failing = True
                elif len(group) > 1:
                    # One that no store can keep must not hold up its neighbours.
                    for waiting in group:
                        await self._keep([waiting])
                    return
                else:
                    group[0].heard(error)
                    return
            await self._clock.sleep_until(self._clock.now() + STORE_RETRY)
        for waiting, was_kept in zip(group, kept, strict=True):
            waiting.kept = was_kept
            if was_kept:
                self._tell(waiting)
            else:
                self._log.warning(
                    f"{waiting.name}: {waiting.settlement.after.id} was settled by somebody else; "
                    "this outcome comes too late"
                )
            waiting.heard(None)

    def _leave(self, group: Sequence[Waiting], error: StoreError) -> None:
        self._log.error(f"the outcome of {_named(group)} is lost, the next start tells its run as lost: {error}")
        for waiting in group:
            waiting.heard(None)

    async def _is_kept(self, settlement: Settlement) -> bool:
        after = settlement.after
        row = await self._store.get_execution(after.id)
        return row is not None and (row.status, row.fence, row.attempt, row.end_time) == (
            after.status, after.fence, after.attempt, after.end_time,
        )  # fmt: skip

    def _tell(self, waiting: Waiting) -> None:
        """One line a run: what it came to, and why where it did not succeed."""
        settlement = waiting.settlement
        if self._on_settled is not None:
            self._on_settled(settlement)
        after, closed = settlement.after, settlement.closed_attempt
        detail = after.error or (closed.error if closed is not None else None)
        if settlement.inputs:
            detail = told_of(settlement.inputs)
        if settlement.hold is not None:
            detail = None  # told once for the provider, not again for each run that it sends away
        if detail is None and not self._log.telling:
            return
        tell = self._log.warning if detail else self._log.info
        word = after.status.value + (f" ({after.reason})" if after.reason else "")
        if settlement.ended and after.duration is not None:
            word += f" after {after.duration.total_seconds():.3f}s"
        elif settlement.inputs and after.wake_at is not None:
            word += f" until {after.wake_at.isoformat(timespec='seconds')}"
        elif after.wake_at is not None:
            word += f", again at {after.wake_at.isoformat(timespec='seconds')}"
        told = f"{waiting.name}: {after.id} attempt {settlement.before.attempt}: {word}"
        tell(f"{told}: {detail}" if detail else told, job_id=after.job_id, execution_id=after.id)


def _named(group: Sequence[Waiting]) -> str:
    first = f"{group[0].name}: {group[0].settlement.after.id}"
    return first if len(group) == 1 else f"{first} and {len(group) - 1} more"
