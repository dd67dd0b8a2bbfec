"""Bugs that are planted into a store, so that the harness proves that it would find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.plans import Plan

EVERY = 2


def plant(store: Any, name: str) -> None:
    """Put the bug of that name into the store; none where it is empty."""
    if name:
        PLANTS[name](store)


def _double_start(store: Any) -> None:
    """A claim that is answered and not written: the row waits on, and is claimed again."""
    claim, count = store.claim, 0

    async def careless(owner: str, now: Any, limit: int, **options: Any) -> list[Execution]:
        nonlocal count
        count += 1
        if count % EVERY:
            return await claim(owner, now, limit, **options)  # type: ignore[no-any-return]
        ready = [row for row in await store.open_executions() if row.status is ExecutionStatus.PENDING]
        ready = [row for row in ready if row.wake_at is not None and row.wake_at <= now and not row.begun]
        changed = {"status": ExecutionStatus.RUNNING, "fence": 1, "begun": True, "start_time": now, "owner": owner}
        return [row.evolve(**changed) for row in ready[:1]]

    async def careless_too(
        plans: list[Plan], owner: str, now: Any, limit: int, **options: Any
    ) -> tuple[list[bool], list[Execution]]:
        return await store.commit(plans), await careless(owner, now, limit, begin=True, **options)

    store.claim, store.commit_and_claim = careless, careless_too


def _lost_row(store: Any) -> None:
    """A plan whose last row is forgotten, while the job moves on."""
    count = 0

    def forgetful(made: Plan) -> Plan:
        nonlocal count
        if not made.rows or made.rows[-1].manual:
            return made
        count += 1
        return made if count % EVERY else replace(made, rows=made.rows[:-1])

    def careless(write: Any) -> Any:
        return lambda plans, *rest, **options: write([forgetful(made) for made in plans], *rest, **options)

    store.commit, store.commit_and_claim = careless(store.commit), careless(store.commit_and_claim)


def _lost_write(store: Any) -> None:
    """An edit that is acknowledged and not written."""
    commit = store.commit

    async def careless(plans: list[Plan]) -> list[bool]:
        made = plans[0]
        if made.before is not None and made.job_after is not None and made.before.version != made.job_after.version:
            return [True for _ in plans]
        return await commit(plans)  # type: ignore[no-any-return]

    store.commit = careless


def _changed_final(store: Any) -> None:
    """A settlement that is acknowledged as a success and written as something else."""
    settle, count = store.settle, 0

    async def careless(settlements: list[Any]) -> list[bool]:
        nonlocal count
        count += 1
        if count % EVERY == 0:
            wrong = {"status": ExecutionStatus.INCOMPLETE, "reason": "lost"}
            written = [
                replace(one, after=one.after.evolve(**wrong)) if one.after.status is ExecutionStatus.SUCCESS else one
                for one in settlements
            ]
            return await settle(written)  # type: ignore[no-any-return]
        return await settle(settlements)  # type: ignore[no-any-return]

    store.settle = careless


PLANTS: dict[str, Callable[[Any], None]] = {
    "double start": _double_start,
    "lost row": _lost_row,
    "lost write": _lost_write,
    "changed final": _changed_final,
}
