"""What happens in a store while this process uses it, told to whoever listens."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from agentcron.domain.inputs import Given, Input
from agentcron.domain.letters import Letter
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan
from agentcron.domain.queries import Due
from agentcron.domain.settling import Settlement
from agentcron.errors import StoreError
from agentcron.ports import JobStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that was made durable: a job as it stands (None: deleted), or an execution as it stands, with what it
    asks of people where it was parked just then, or a letter as it stands after a try, or before it is tried afresh."""

    job_id: str
    job: Job | None = None
    execution: Execution | None = None
    ended: bool = False
    asked: tuple[Input, ...] = ()
    letter: Letter | None = None


Listener = Callable[[Sequence[Happening]], None]


class ObservedStore:
    """A ``JobStore`` that tells its listeners what was written through it. All else is the store's own.

    ``evaluated`` is when, on the steady clock, what is due was last read with success; None before the first time.
    ``errors`` counts failures by the method that failed.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self.listeners: list[Listener] = []
        self.evaluated: float | None = None
        self.errors: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def due(self, now: datetime, limit: int) -> Due:
        found = await self._counted("due", self._store.due(now, limit))
        self.evaluated = time.monotonic()
        return found

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        done = await self._counted("commit", self._store.commit(plans))
        self._tell([one for plan, kept in zip(plans, done, strict=True) if kept for one in _of_plan(plan)])
        return done

    async def commit_and_claim(
        self, plans: Sequence[Plan], *args: Any, **options: Any
    ) -> tuple[list[bool], list[Execution]]:
        done, claimed = await self._counted("commit", self._store.commit_and_claim(plans, *args, **options))
        self._tell([one for plan, kept in zip(plans, done, strict=True) if kept for one in _of_plan(plan)])
        self._tell([Happening(job_id=row.job_id, execution=row) for row in claimed])
        return done, claimed

    async def claim(self, *args: Any, **options: Any) -> list[Execution]:
        claimed: list[Execution] = await self._counted("claim", self._store.claim(*args, **options))
        self._tell([Happening(job_id=row.job_id, execution=row) for row in claimed])
        return claimed

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        done = await self._counted("settle", self._store.settle(settlements))
        self._tell(
            [
                Happening(job_id=one.after.job_id, execution=one.after, ended=one.after.final, asked=one.inputs)
                for one, kept in zip(settlements, done, strict=True)
                if kept
            ]
        )
        return done

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        done = await self._counted("answer_input", self._store.answer_input(input_id, given, now))
        asked = await self._store.get_input(input_id) if done else None
        row = await self._store.get_execution(asked.execution_id) if asked is not None else None
        if row is not None:
            self._tell([Happening(job_id=row.job_id, execution=row)])
        return done

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        done = await self._counted("mark_letter", self._store.mark_letter(before, after))
        self._tell([Happening(job_id=after.job_id, letter=after)] if done else [])
        return done

    async def _counted(self, name: str, call: Awaitable[T]) -> T:
        try:
            return await call
        except StoreError:
            self.errors[name] = self.errors.get(name, 0) + 1
            raise

    def _tell(self, happened: Sequence[Happening]) -> None:
        if happened:
            for listener in self.listeners:
                listener(happened)


def _of_plan(plan: Plan) -> list[Happening]:
    found = [Happening(job_id=plan.job_id, job=plan.job_after)]
    found += [Happening(job_id=plan.job_id, execution=row, ended=row.final) for row in plan.rows]
    return found
