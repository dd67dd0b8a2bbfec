"""How what runs came to is kept: many at once, and again while the store cannot, since it was paid for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agentcron.domain.model import Execution
from agentcron.domain.parking import told
from agentcron.domain.settling import Settlement
from agentcron.engine.herald import Herald
from agentcron.engine.turns import SLICE
from agentcron.errors import StoreConflict, StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore

STORE_RETRY: Final = timedelta(seconds=1)
# More than so many that end by one cause share a line.
TOLD_ONE_BY_ONE: Final = 20
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
        self,
        store: JobStore,
        clock: Clock,
        log: Log,
        on_settled: Callable[[Settlement], None] | None = None,
        herald: Herald | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._on_settled = on_settled
        self._herald = herald or Herald()
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._given_up = False
        # Called when settlements are on their way: what the store is asked for at once goes into the same commit.
        self.beside: Callable[[], None] | None = None

    @property
    def writing(self) -> bool:
        """Whether settlements that were added are on their way into the store."""
        return self._task is not None

    def add(self, settlement: Settlement, name: str, heard: Heard) -> None:
        """Keep the settlement; ``heard`` is told once. ``name`` is the job's, for the log."""
        self._waiting.append(Waiting(self._herald.settlement(settlement), name, heard))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="agentcron-settler")
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def settle(self, settlement: Settlement, name: str) -> bool:
        """Keep the settlement; False where the row belongs to somebody else. Raises what no store can keep."""
        heard: list[Exception | None] = []
        waiting = Waiting(self._herald.settlement(settlement), name, heard.append)
        await self._keep([waiting])
        if heard[0] is not None:
            raise heard[0]
        return waiting.kept

    async def settle_all(self, settlements: Sequence[tuple[Settlement, str]]) -> int:
        """Keep the settlements, each with the name of its job, in one write; answers how many rows did not belong to
        somebody else. Raises what no store can keep, when all others are kept."""
        heard: list[Exception | None] = []
        herald = self._herald
        group = [Waiting(herald.settlement(settlement), name, heard.append) for settlement, name in settlements]
        await self._keep(group, told_together=len(group) > TOLD_ONE_BY_ONE)
        errors = [error for error in heard if error is not None]
        if errors:
            raise errors[0]
        return sum(waiting.kept for waiting in group)

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

    async def _keep(self, group: Sequence[Waiting], *, told_together: bool = False) -> None:
        failing = False
        while True:
            try:
                writing = asyncio.ensure_future(self._store.settle([waiting.settlement for waiting in group]))
                if self.beside is not None:
                    self.beside()
                kept = await writing
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
        telling = self._log.telling
        for number, (waiting, was_kept) in enumerate(zip(group, kept, strict=True), 1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
            waiting.kept = was_kept
            if was_kept:
                self._hear(waiting)
                if not told_together:
                    self._tell(waiting, telling)
            else:
                self._log.warning(
                    f"{waiting.name}: {waiting.settlement.after.id} was settled by somebody else; "
                    "this outcome comes too late",
                    job_id=waiting.settlement.after.job_id,
                    execution_id=waiting.settlement.after.id,
                )
            waiting.heard(None)
        if told_together:
            self._tell_all([waiting for waiting in group if waiting.kept])

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

    def _hear(self, waiting: Waiting) -> None:
        self._herald.sound(waiting.settlement)
        if self._on_settled is not None:
            self._on_settled(waiting.settlement)

    def _tell_all(self, kept: Sequence[Waiting]) -> None:
        """One line for very many runs that had the same end, with the first of them."""
        if not kept:
            return
        words = Counter(_word(waiting.settlement.after) for waiting in kept)
        ends = ", ".join(f"{count} {word}" for word, count in words.most_common())
        detail = next((found for waiting in kept if (found := _detail(waiting.settlement))), None)
        self._log.warning(
            f"{len(kept)} open runs were settled: {ends}; {_named(kept)}" + (f": {detail}" if detail else "")
        )

    def _tell(self, waiting: Waiting, telling: bool) -> None:
        """One line a run: what it came to, and why where it did not succeed."""
        settlement = waiting.settlement
        after, detail = settlement.after, _detail(settlement)
        if settlement.hold is not None:
            detail = None  # told once for the provider, not again for each run that it sends away
        if detail is None and not telling:
            return
        tell = self._log.warning if detail else self._log.info
        word = _word(after)
        if settlement.ended and after.duration is not None:
            word += f" after {after.duration.total_seconds():.3f}s"
        elif settlement.inputs and after.wake_at is not None:
            word += f" until {after.wake_at.isoformat(timespec='seconds')}"
        elif after.wake_at is not None:
            word += f", again at {after.wake_at.isoformat(timespec='seconds')}"
        line = f"{waiting.name}: {after.id} attempt {settlement.before.attempt}: {word}"
        tell(f"{line}: {detail}" if detail else line, job_id=after.job_id, execution_id=after.id)


def _detail(settlement: Settlement) -> str | None:
    if settlement.inputs:
        return told(settlement.inputs)
    closed = settlement.closed_attempt
    return settlement.after.error or (closed.error if closed is not None else None)


def _word(after: Execution) -> str:
    return after.status.value + (f" ({after.reason})" if after.reason else "")


def _named(group: Sequence[Waiting]) -> str:
    first = f"{group[0].name}: {group[0].settlement.after.id}"
    return first if len(group) == 1 else f"{first} and {len(group) - 1} more"
