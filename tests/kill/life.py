"""One life of a scheduler: what runs in the process that is killed, and what it notes for the judge."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentcron.agents.factory import AgentFactoryPlugin
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore, RunContext
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.sqlite import SqliteStorage
from tests.kill.plants import plant

# Every second something is due: overlap and interruption each in another way.
TICKING: dict[str, dict[str, Any]] = {
    "skip": {"schedule": "every 1s", "overlap": "skip"},
    "retry": {"schedule": "* * * * * *", "overlap": "buffer_all", "on_interrupt": "retry"},
    "side by side": {"schedule": "every 1s", "overlap": "allow_all"},
    "cancels": {"schedule": "* * * * * *", "overlap": "cancel_other"},
    "edited": {"schedule": "every 1s", "overlap": "buffer_one"},
}
# How long an agent works, in seconds: some are done before the next commit, some outlive their scheduler.
WORK = (0.0, 0.0, 0.05, 0.3, 1.2)
WRITES = (
    "commit", "commit_and_claim", "restore", "claim", "begin", "note_agent", "settle", "ask_cancel", "join", "leave",
    "clear",
)  # fmt: skip
QUIET = 4
PAUSE = 0.01
# Kept here: a life that dies at a flush of the store must not die at a flush of these notes.
_flush = os.fsync


@dataclass(frozen=True)
class Fault:
    """Die at the ``number``-th write, of any kind or of that ``name``: before it, within it (not yet durable), or after
    it (durable, not yet told)."""

    number: int
    side: str
    name: str | None = None


@dataclass(frozen=True)
class Life:
    """What one process is to do: run a scheduler, and change jobs where it ``writes``. The ``last`` one drains the
    store and ends by itself."""

    kind: str
    folder: Path
    number: int
    fault: Fault | None = None
    planted: str = ""
    last: bool = False
    writes: bool = True


class Notes:
    """Lines that outlive the process: whole ones, in a file that only grows."""

    def __init__(self, path: Path, *, flushed: bool = False) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._flushed = flushed

    def add(self, **said: Any) -> None:
        os.write(self._handle, json.dumps(said).encode() + b"\n")
        if self._flushed:
            _flush(self._handle)


def open_store(kind: str, folder: Path) -> JobStore:
    """A store of that kind in that folder; another object each time."""
    return SqliteStorage(folder / "store.sqlite") if kind == "sqlite" else StorageFsPlugin(folder)


def live(life: Life) -> None:
    """The body of the process."""
    handler = logging.FileHandler(life.folder / "errors.log")
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("agentcron")
    logger.addHandler(handler)
    logger.propagate = False
    asyncio.run(_live(life, logger))


async def _live(life: Life, logger: logging.Logger) -> None:
    def plugin_on(store: JobStore) -> BackgroundJobsPlugin:
        factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work")
        return BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory, logger=logger)

    agents = Notes(life.folder / "agents.log")

    async def work(prompt: str, context: RunContext) -> str:
        agents.add(
            job=context.job_id,
            execution=context.execution_id,
            slot=context.scheduled_for.isoformat() if context.scheduled_for else None,
            attempt=context.attempt,
            key=context.idempotency_key,
            pid=os.getpid(),
        )
        await asyncio.sleep(random.Random(context.idempotency_key).choice(WORK))
        return context.idempotency_key

    store = _watched_store(life)
    plugin = plugin_on(store)
    writer = Writer(plugin, life)
    await _note_finals(plugin, life)
    await writer.make_ticking_jobs()
    await plugin.start_background_execution()
    if life.last:
        await _drain(plugin, life)
        return
    if not life.writes:
        await asyncio.Event().wait()
    if life.kind == "sqlite":
        # A second client of the file, with a connection and a thread of its own.
        writer = Writer(plugin_on(_watched_store(life)), life)
    await writer.write()


def _watched_store(life: Life) -> JobStore:
    store = open_store(life.kind, life.folder)
    plant(store, life.planted)
    watch(store, life)
    return store


def watch(store: Any, life: Life) -> None:
    """Note what the store says is final, and die where the fault is."""
    finals, deaths = Notes(life.folder / "finals.log"), Notes(life.folder / "deaths.log")
    counts: Counter[str | None] = Counter()
    fault = life.fault

    def die_at(side: str, numbers: Mapping[str | None, int], name: str) -> None:
        if fault is not None and fault.side == side and fault.number == numbers.get(fault.name):
            deaths.add(side=side, name=name)
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def write(*args: Any, **options: Any) -> Any:
            counts.update((None, name))
            numbers = {None: counts[None], name: counts[name]}
            die_at("before", numbers, name)
            answer = await method(*args, **options)
            die_at("after", numbers, name)
            if name in ("commit", "commit_and_claim", "settle"):
                applied = answer[0] if name == "commit_and_claim" else answer
                for change, done in zip(args[0], applied, strict=True):
                    for row in [change.after] if name == "settle" else change.rows:
                        if done and row.final:
                            finals.add(**final_of(row))
            return answer

        return write

    for name in WRITES:
        setattr(store, name, wrapped(name, getattr(store, name)))
    if fault is not None and fault.side == "within":
        _die_within(store, fault.number, deaths)


def _die_within(store: Any, number: int, deaths: Notes) -> None:
    """In SQLite's transaction before its COMMIT; in the folder before a flush or a rename."""
    count = 0

    def die(name: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            deaths.add(side="within", name=name)
            os.kill(os.getpid(), signal.SIGKILL)

    if isinstance(store, SqliteStorage):
        write = store._write

        async def dying(unit: Callable[[Any], Any], **how: Any) -> Any:
            def inside(transaction: Any) -> Any:
                answer = unit(transaction)
                die("transaction")
                return answer

            return await write(inside, **how)

        store._write = dying  # type: ignore[method-assign]
        return

    def dying_call(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            die(name)
            return real(*args)

        return call

    for name in ("fsync", "replace"):
        setattr(os, name, dying_call(name, getattr(os, name)))


def final_of(row: Any) -> dict[str, Any]:
    """What must never change once the store has said it."""
    return {
        "id": row.id,
        "job": row.job_id,
        "status": row.status,
        "reason": row.reason,
        "attempt": row.attempt,
        "slots": row.slots,
    }


async def _note_finals(plugin: BackgroundJobsPlugin, life: Life) -> None:
    """What a reader is shown as final after the restart."""
    finals = Notes(life.folder / "finals.log")
    for row in await plugin.get_executions(limit=100, include_skipped=True):
        if row.final:
            finals.add(**final_of(row))


class Writer:
    """A client that changes jobs, and notes each change before it asks for it and after it was acknowledged."""

    def __init__(self, plugin: BackgroundJobsPlugin, life: Life) -> None:
        self._plugin = plugin
        self._life = life
        self._notes = Notes(life.folder / "writes.log", flushed=True)
        self._random = random.Random(f"writer {life.number}")
        self._number = life.number * 10_000

    async def make_ticking_jobs(self) -> None:
        names = {job.name for job in await self._plugin.get_jobs()}
        for name, options in TICKING.items():
            if name not in names:
                await self._ask("create", self._plugin.create_job(name=name, prompt="0", **options), name=name)

    async def write(self) -> None:
        """Change jobs for ever: some that rest, and the ticking one that is there to be edited."""
        plugin = self._plugin
        while True:
            jobs = {job.id: job.name for job in await plugin.get_jobs()}
            quiet = [job_id for job_id, name in jobs.items() if name not in TICKING]
            edited = next(job_id for job_id, name in jobs.items() if name == "edited")
            job_id = self._random.choice([*quiet, edited])
            ask = self._random.choice(("create", "edit", "edit", "pause", "resume", "resume", "run", "delete"))
            if len(quiet) < QUIET and ask in ("create", "delete"):
                name = f"quiet {self._number}"
                await self._ask("create", plugin.create_job(name=name, schedule="0 0 1 1 *", prompt="0"), name=name)
            elif ask == "delete" and job_id != edited:
                await self._ask("delete", plugin.delete_job(job_id), job=job_id)
            elif ask in ("edit", "create"):
                number = str(self._number + 1)
                await self._ask("edit", plugin.update_job(job_id, prompt=number), job=job_id)
            elif ask == "pause":
                await self._ask("pause", plugin.pause_job(job_id), job=job_id)
            elif ask == "resume":
                await self._ask("resume", plugin.resume_job(job_id), job=job_id)
            else:
                await self._ask("run", plugin.run_job_now(job_id), job=job_id)
            # The scheduler shares this loop: a writer that never rests would keep it from its work.
            await asyncio.sleep(PAUSE)

    async def _ask(self, change: str, asked: Awaitable[Any], **about: Any) -> None:
        self._number += 1
        self._notes.add(change=change, number=self._number, **about)
        answer = await asked
        self._notes.add(change=change, number=self._number, answer=answer, **about)


async def _drain(plugin: BackgroundJobsPlugin, life: Life) -> None:
    """Account for every slot until now, let everything end, and close in an orderly way."""
    seen = Notes(life.folder / "seen.log")
    for job in await plugin.get_jobs():
        seen.add(job=job.id, state=job.state)
        await plugin.resume_job(job.id)
    until = plugin._clock.now()
    for job in await plugin.get_jobs():
        await plugin.pause_job(job.id)
    async with asyncio.timeout(60):
        while await plugin.storage.open_executions():
            await asyncio.sleep(PAUSE)
    await plugin.close()
    Notes(life.folder / "drained.log").add(until=until.isoformat())
