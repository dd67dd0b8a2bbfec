"""Many lives on one store, each ended by SIGKILL, then one that drains it, then the judge."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agentcron.domain.queries import ExecutionFilters, JobFilters
from tests.kill.judge import Evidence, Verdict, judge
from tests.kill.life import TICKING, Fault, Life, live, open_store

# A store is judged after at most so many kills: the folder's files are read whole at each start.
ROUND = 100
SIDES = ("before", "within", "after")
# The n-th write of any kind that a life dies at: 1 to 40 in turn, and far apart where there are only a few lives.
FAULTS, STRIDE = 40, 7
# Kinds that others outnumber: a life dies at the first or second of its kind, or it would hardly ever die there.
RARE = ("commit_and_claim", "claim", "settle")
# How much a life may do before it is killed at random: agents' starts, and lines of any kind after them.
STARTS, LINES = 8, 10
STUCK = 30.0
# One server imports everything once; every life is a fork of it, with nothing shared but the code.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.kill.life", "pytest"])


@dataclass
class Report:
    """What was done to a store, and what the judge found."""

    verdict: Verdict = field(default_factory=Verdict)
    deaths: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        return sum(self.deaths.values())

    def __str__(self) -> str:
        deaths = ", ".join(f"{name} {count}" for name, count in sorted(self.deaths.items()))
        return f"{self.kills} kills in {self.seconds:.1f} s ({deaths}); {self.verdict}"


def run(kind: str, folder: Path, kills: int, seed: str, planted: str = "") -> Report:
    """Kill a scheduler so many times and judge what it leaves, on a fresh store every ``ROUND`` kills."""
    report, began = Report(), time.monotonic()
    for start in range(0, kills, ROUND):
        place = folder / f"{kind}-{start}"
        place.mkdir()
        chance = random.Random(f"{seed} {start}")
        for number in range(start, min(start + ROUND, kills)):
            fault = None if planted else _fault(number)
            report.deaths[_one_life(Life(kind, place, number, fault, planted), chance)] += 1
        report.verdict.add(drained(Life(kind, place, kills + start, None, planted, last=True)))
    report.seconds = time.monotonic() - began
    return report


def drained(life: Life) -> Verdict:
    """Live a last life on the store, and judge what all of them have left."""
    drain = started(life)
    drain.join(90)
    drain.kill()
    drain.join()
    assert drain.exitcode == 0, (
        f"{life.folder}: the drain ended with {drain.exitcode}\n{_tail(life.folder / 'errors.log')}"
    )
    return judge(asyncio.run(_evidence(life.kind, life.folder)))


def _fault(number: int) -> Fault | None:
    """Every second life dies at a moment of chance; the others at one write after the other, on each side of it."""
    if number % 2:
        return None
    turn = number // 2
    step, side = turn // len(SIDES), SIDES[turn % len(SIDES)]
    if side != "within" and step % 2:
        kind = step // 2
        return Fault(number=kind // len(RARE) % 2 + 1, side=side, name=RARE[kind % len(RARE)])
    return Fault(number=step * STRIDE % FAULTS + 1, side=side)


def _one_life(life: Life, chance: random.Random) -> str:
    """Let it live until it dies of its fault, or until it has done so much; answer what it died of."""
    starts = STARTS if life.planted else chance.randrange(STARTS)
    lines, more = chance.randrange(LINES), chance.random() * 0.02
    began = _count(life.folder / "agents.log")
    before: int | None = None
    process = started(life)
    deadline = time.monotonic() + STUCK
    while process.is_alive() and time.monotonic() < deadline:
        process.join(0.002)
        if life.fault is None and _count(life.folder / "agents.log") - began >= starts:
            before = _done(life.folder) if before is None else before
            if _done(life.folder) - before >= lines:
                break
    stuck = time.monotonic() >= deadline
    process.join(more)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, (
        f"life {life} ended by itself with {process.exitcode}\n{_tail(life.folder / 'errors.log')}"
    )
    assert not stuck, f"life {life} did not get on within {STUCK} s\n{_tail(life.folder / 'errors.log')}"
    deaths = lines_of(life.folder / "deaths.log")
    (life.folder / "deaths.log").unlink(missing_ok=True)
    return f"{deaths[0]['side']} {deaths[0]['name']}" if deaths else "at random"


def started(life: Life) -> Any:
    """A process that lives this life."""
    process = _SERVER.Process(target=live, args=(life,))
    process.start()
    return process


def _done(folder: Path) -> int:
    """How many lines were noted: what the lives have done so far."""
    return sum(_count(folder / name) for name in ("agents.log", "writes.log", "finals.log"))


def _count(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def lines_of(path: Path) -> list[Any]:
    """What was noted there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _tail(path: Path) -> str:
    return path.read_text()[-3000:] if path.exists() else ""


async def _evidence(kind: str, folder: Path) -> Evidence:
    store = open_store(kind, folder)
    await store.open()
    jobs = (await store.list_jobs(JobFilters(), limit=1000)).items
    rows: dict[str, Sequence[Any]] = {}
    for job in jobs:
        filters = ExecutionFilters(job_id=job.id, include_skipped=True)
        rows[job.id] = (await store.list_executions(filters, 1_000_000)).items
    await store.close()
    return Evidence(
        jobs=jobs,
        rows=rows,
        ticking=TICKING,
        writes=lines_of(folder / "writes.log"),
        starts=lines_of(folder / "agents.log"),
        seen=lines_of(folder / "seen.log"),
        finals=lines_of(folder / "finals.log"),
        errors=(folder / "errors.log").read_text().splitlines(),
        until=datetime.fromisoformat(lines_of(folder / "drained.log")[-1]["until"]),
    )
