"""One timer looks after every deadline."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from agentcron.engine.deadlines import Deadlines

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


async def test_each_member_is_told_at_its_time_whatever_the_order_of_adding() -> None:
    told: list[str] = []
    last = asyncio.Event()

    def late(name: str) -> None:
        told.append(name)
        if name == "third":
            last.set()

    deadlines: Deadlines[str] = Deadlines(late)
    deadlines.add("third", timedelta(milliseconds=30))
    deadlines.add("first", timedelta(0))
    deadlines.add("second", timedelta(milliseconds=20))
    async with asyncio.timeout(30):
        await last.wait()
    assert told == ["first", "second", "third"]


async def test_who_ended_in_time_is_never_told() -> None:
    told: list[str] = []
    last = asyncio.Event()
    deadlines: Deadlines[str] = Deadlines(lambda name: (told.append(name), last.set())[0])
    deadlines.add("done", timedelta(0))
    deadlines.add("late", timedelta(milliseconds=10))
    deadlines.remove("done", timedelta(0))
    deadlines.remove("done", timedelta(0))
    async with asyncio.timeout(30):
        await last.wait()
    assert told == ["late"]


async def test_deadlines_of_those_who_ended_are_not_kept() -> None:
    deadlines: Deadlines[int] = Deadlines(lambda _: None)
    deadlines.add(-1, HOUR)
    for member in range(10_000):
        deadlines.add(member, HOUR + member * SECOND)
        deadlines.remove(member, HOUR + member * SECOND)
    assert [len(members) for _, members in deadlines._lines.values()] == [1]
    deadlines.remove(-1, HOUR)


async def test_the_earliest_deadline_counts_whoever_came_first_and_after_each_call() -> None:
    told: list[str] = []
    last = asyncio.Event()
    deadlines: Deadlines[str] = Deadlines(lambda name: (told.append(name), name == "last" and last.set())[0])
    for name in ("one", "two"):
        deadlines.add(name, timedelta(milliseconds=5))
    deadlines.add("hours away", HOUR)
    deadlines.add("last", timedelta(milliseconds=10))
    async with asyncio.timeout(30):
        await last.wait()
    assert told == ["one", "two", "last"]
    deadlines.remove("hours away", HOUR)
