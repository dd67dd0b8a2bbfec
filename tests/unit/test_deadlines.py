"""One timer looks after every deadline."""

from __future__ import annotations

import asyncio

from agentcron.engine.deadlines import Deadlines


async def test_each_member_is_told_at_its_time_whatever_the_order_of_adding() -> None:
    told: list[str] = []
    last = asyncio.Event()

    def late(name: str) -> None:
        told.append(name)
        if name == "third":
            last.set()

    deadlines: Deadlines[str] = Deadlines(late)
    deadlines.add("third", 0.03)
    deadlines.add("first", 0.0)
    deadlines.add("second", 0.02)
    async with asyncio.timeout(30):
        await last.wait()
    assert told == ["first", "second", "third"]


async def test_who_ended_in_time_is_never_told() -> None:
    told: list[str] = []
    last = asyncio.Event()
    deadlines: Deadlines[str] = Deadlines(lambda name: (told.append(name), last.set())[0])
    number = deadlines.add("done", 0.0)
    deadlines.add("late", 0.01)
    deadlines.remove(number)
    deadlines.remove(number)
    async with asyncio.timeout(30):
        await last.wait()
    assert told == ["late"]


async def test_deadlines_of_those_who_ended_are_not_kept() -> None:
    deadlines: Deadlines[int] = Deadlines(lambda _: None)
    kept = deadlines.add(-1, 3600)
    for member in range(10_000):
        deadlines.remove(deadlines.add(member, 3600))
    assert len(deadlines._heap) < 1000
    deadlines.remove(kept)
