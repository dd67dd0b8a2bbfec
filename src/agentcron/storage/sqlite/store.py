"""The SQLite store: which transaction or query answers each method of ``JobStore``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeVar

from agentcron.domain.budgets import Claim, Verdict, hour_of
from agentcron.domain.findings import Findings
from agentcron.domain.inputs import Given, Input
from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, Waiting
from agentcron.domain.lifecycle import RAN, ExecutionStatus, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.plans import Plan
from agentcron.domain.queries import (
    Due,
    ExecutionFilters,
    JobFilters,
    JobOrder,
    Node,
    Orders,
    Page,
    Quarter,
    Selection,
)
from agentcron.domain.queues import ClaimLimits
from agentcron.domain.retention import Pruned, Retention
from agentcron.domain.settling import Settlement
from agentcron.domain.spec import JobSpec
from agentcron.domain.spending import Spent
from agentcron.domain.statistics import JobStatistics
from agentcron.errors import StoreConflict, StoreError, StoreUnavailable
from agentcron.journal import Step
from agentcron.observability import Log, get_logger
from agentcron.storage import rows
from agentcron.storage.beginnings import the_one
from agentcron.storage.filters import matches, select
from agentcron.storage.input_rows import input_of
from agentcron.storage.letters import letter_of, waiting_of
from agentcron.storage.locks import NodeLocks
from agentcron.storage.moving import Tables
from agentcron.storage.rows import maybe_instant, to_us
from agentcron.storage.specs import Specs
from agentcron.storage.sqlite import apply, endings, inputs, moves, outbox, reads, spending
from agentcron.storage.sqlite.beside import Beside
from agentcron.storage.sqlite.connection import (
    SQLITE_ERRORS,
    connect,
    explain,
    migrate,
    migrations,
    schema_number,
    statement,
)
from agentcron.storage.sqlite.making import make_where_missing
from agentcron.storage.sqlite.numbers import Numbers
from agentcron.storage.sqlite.tables import tables
from agentcron.storage.sqlite.writer import Transaction, Writer, wal_locked
from agentcron.storage.tally import counted

T = TypeVar("T")

NAME: Final = "storage"
# After so many jobs the event loop turns once: specs that were never seen take a while to be read.
SLICE: Final = 250
# So many plans or settlements of the common shape at a time are brief, and so many of any other, or claims: the event
# loop's own thread writes them.
BRIEF: Final = 1000
BRIEF_BY_ONE: Final = 100
_RAN: Final = frozenset(status.value for status in RAN)
# What reading a row raises whose values are not what was written.
_DAMAGED: Final = (ValueError, TypeError, KeyError, IndexError, OverflowError)
_NO_TEXTS: Final[dict[str, str]] = {}
SEEN_EVERY: Final = timedelta(seconds=30)


class SqliteStorage:
    """Jobs and executions in one SQLite file.

    ``path`` is made with mode 0600 where it does not exist. Several processes of one host may use the file at once;
    never put it on a network disk (SQLite, "How To Corrupt An SQLite Database File", section 2).
    Raises ``StoreTooNew``, ``StoreUnavailable`` and ``StoreError``, each naming the path.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self._locks = NodeLocks(self.path.with_name(self.path.name + "-nodes"))
        self._reader: sqlite3.Connection | None = None
        self._beside: Beside | None = None
        self._writer: Writer | None = None
        self._opening: asyncio.Lock | None = None
        self._numbers = Numbers()
        self._specs = Specs()
        self._unreadable: set[str] = set()
        self._said = Log(get_logger(), NAME)
        self._node: str | None = None
        self._seen: datetime | None = None

    def log_to(self, logger: logging.Logger) -> None:
        """Send every line there from now on."""
        self._said = Log(logger, NAME)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    @property
    def dbos_url(self) -> str:
        """Where DBOS keeps its tables: in a file beside this one."""
        return f"sqlite:///{self.path}-dbos"

    @property
    def commits(self) -> int:
        """How many transactions this process has committed, for those who count them."""
        return self._writer.commits if self._writer is not None else 0

    async def open(self) -> None:
        if self._reader is not None:
            return
        make_where_missing(self.path)
        reader = connect(self.path, write=False)
        try:
            if schema_number(reader, self.path) < len(migrations()):
                with wal_locked(self.path), contextlib.closing(connect(self.path, write=True)) as connection:
                    migrate(connection, self.path)
        except BaseException:
            reader.close()
            raise
        self._reader = reader
        self._beside = Beside(self.path)
        self._writer = Writer(self.path, node="")

    async def close(self) -> None:
        reader, beside, writer = self._reader, self._beside, self._writer
        self._reader = self._beside = self._writer = None
        if writer is not None:
            await writer.close()
        if beside is not None:
            await beside.close()
        if self._node is not None:
            # After the last write: a free lock says that nothing more comes from this process.
            self._locks.release(self._node)
            self._node = None
        if reader is not None:
            # Whoever closes last moves the log into the file; SQLite locks everybody else out meanwhile.
            reader.close()

    # --- jobs -----------------------------------------------------------------------------------------------------

    async def get_job(self, job_id: str) -> Job | None:
        row = self._one("job_get", id=job_id)
        return self._job(row) if row else None

    async def get_spec(self, job_id: str, version: int) -> JobSpec | None:
        spec = self._specs.of(job_id, version)
        if spec is None:
            row = self._one("version_of_id", id=job_id, version=version)
            spec = self._specs.read(job_id, (row[0], version), row[1]) if row else None
        return spec

    async def find_jobs(self, name_or_prefix: str) -> Sequence[Job]:
        exact = self._one("job_get", id=name_or_prefix)
        if exact:
            return [self._job(exact)]
        found = self._all("jobs_named", wanted=name_or_prefix)
        if not found and name_or_prefix.isascii() and name_or_prefix.isalnum():
            found = self._all("jobs_by_prefix", prefix=name_or_prefix.lower())
        return [self._job(row) for row in found]

    async def deleted_at(self, job_id_or_name: str) -> datetime | None:
        row = self._one("tombstone_get", key=job_id_or_name)
        return maybe_instant(row[0]) if row else None

    async def list_jobs(self, filters: JobFilters, *, after: str | None = None, limit: int = 100) -> Page[Job]:
        found: list[Job] = []
        seq = int(after or 0)
        while page := await reads.WORDS.page(self._ask, filters, seq, min(limit, 1000)):
            self._fetch_specs((row[1], row[0], row[2]) for row in page)
            for row in page:
                seq = row[0]
                if (job := self._readable(row)) is not None and matches(job, filters):
                    found.append(job)
                    if len(found) == limit:
                        return Page(items=found, after=str(seq))
        return Page(items=found)

    async def select_jobs(self, filters: JobFilters, order: JobOrder, limit: int, *, skip: int = 0) -> Selection:
        if filters.cron_pattern is not None:
            # What an expression means is known to Python alone.
            others = await self.list_jobs(replace(filters, status=None), limit=sys.maxsize)
            return select(others.items, filters, order, limit, skip)
        jobs = await self._jobs_of_rows(await reads.WORDS.rows(self._ask, filters, order, limit, skip))
        if filters == JobFilters(status=filters.status):
            by_status = {JobStatus(status): count for status, count in self._all("statistics_jobs")}
        else:
            by_status = await reads.WORDS.counts(self._ask, filters)
        return Selection(jobs=jobs, by_status=by_status)

    async def jobs_of(self, ids: Collection[str]) -> Mapping[str, Job]:
        found = self._all("jobs_by_ids", ids=json.dumps(list(ids)))
        return {job.id: job for job in await self._jobs_of_rows(found)}

    async def tags(self, limit: int) -> Sequence[str]:
        return await self._read_beside(lambda connection: reads.tags(connection, limit))

    async def due(self, now: datetime, limit: int) -> Due:
        # Jobs that cannot be read stay due: they must not take the places of those that can.
        due = self._all("jobs_due", now=to_us(now), limit=limit + len(self._unreadable))
        self._numbers.read(due)
        found = (await self._jobs_of_rows(due))[:limit]
        following = self._one("jobs_next", now=to_us(now))
        return Due(jobs=found, next_at=maybe_instant(following[0]) if following else None)

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        brief = _is_brief(_changes(plans), common=False)
        if len(plans) == 1:
            return (await self._commit(plans, lambda tx: ([apply.apply_plan(tx, plans[0])], [], []), brief))[0]
        made = moves.Moves(plans, None, self._numbers)
        return (await self._commit(plans, lambda tx: (*moves.commit(tx, made), []), brief))[0]

    async def commit_and_claim(
        self,
        plans: Sequence[Plan],
        owner: str,
        now: datetime,
        limit: int,
        *,
        caught_up: int,
        apart: Collection[str] = (),
    ) -> tuple[list[bool], list[Execution]]:
        start = moves.Start(owner=owner, now=now, apart=apart)
        made = moves.Moves(plans, start, self._numbers)

        def unit(tx: Transaction) -> tuple[list[bool], list[int], list[Execution]]:
            # What was ready before comes first, in the order of the queue.
            waits = tx.execute(statement("executions_ready"), {"now": to_us(now)}).fetchone() is not None
            applied, begun = moves.commit(tx, made, 0 if waits else limit)
            claimed: list[Execution] = []
            if len(begun) < limit:
                room, known = limit - len(begun), self._specs.kept
                claimed = apply.claim(tx, owner, now, room, None, True, caught_up, known, apart)
            return applied, begun, claimed

        brief = _is_brief(_changes(plans), common=len(made.moves) == len(plans))
        if brief and limit > BRIEF_BY_ONE:
            # As many as wait may be claimed as well.
            brief = self._one("executions_ready", now=to_us(now)) is None
        applied, begun, claimed = await self._commit(plans, unit, brief, together=True)
        if begun:
            # Of a group that was refused nothing begun is left, and its numbers are given to other rows.
            self._numbers.begun(made.begun)
        return applied, [start.running(plans[number]) for number in begun] + claimed

    async def _commit(
        self,
        plans: Sequence[Plan],
        unit: Callable[[Transaction], tuple[list[bool], list[int], list[Execution]]],
        brief: bool,
        *,
        together: bool = False,
    ) -> tuple[list[bool], list[int], list[Execution]]:
        try:
            return await self._write(unit, brief=brief)
        except StoreConflict as error:
            # A plan that breaks a rule of the schema is refused alone; its neighbours are applied without it. Alone it
            # is written with care for what stands at its instant, as one of many is not.
            if len(plans) == 1 and not together:
                self._said.error(f"{self.path}: the plan of job {plans[0].job_id} was refused: {error}")
                return [False], [], []
            return [(await self.commit([plan]))[0] for plan in plans], [], []

    async def restore(self, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
        from agentcron.storage.sqlite.restore import restore

        return await self._write(lambda tx: restore(tx, jobs, executions))

    # --- executions -----------------------------------------------------------------------------------------------

    async def ready_at(self) -> datetime | None:
        row = self._one("executions_ready_at")
        return maybe_instant(row[0]) if row else None

    async def claim(
        self,
        owner: str,
        now: datetime,
        limit: int,
        *,
        ids: Collection[str] | None = None,
        begin: bool = False,
        caught_up: int | None = None,
        apart: Collection[str] = (),
        limits: ClaimLimits | None = None,
    ) -> list[Execution]:
        return await self._write(
            lambda tx: apply.claim(tx, owner, now, limit, ids, begin, caught_up, self._specs.kept, apart, limits),
            brief=limit <= BRIEF_BY_ONE,
        )

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        return await self._write(lambda tx: apply.begin(tx, execution_id, fence, now, findings))

    async def begin_within(
        self, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None = None
    ) -> Verdict | None:
        return await self._write(lambda tx: spending.begin(tx, execution_id, fence, now, claim, agent))

    async def usage(self, scopes: str, hour: int) -> Sequence[Spent]:
        return self._read(lambda connection: spending.usage(connection, scopes, hour))

    async def note_agent(self, execution_id: str, fence: int, agent_id: str, process: str | None = None) -> bool:
        values = {"id": execution_id, "fence": fence, "agent_id": agent_id, "process": process}
        return await self._write(lambda tx: tx.execute(statement("execution_note_agent"), values).rowcount > 0)

    async def renew(self, execution_id: str, fence: int, wake_at: datetime) -> bool:
        values = {"id": execution_id, "fence": fence, "wake_at": to_us(wake_at)}
        return await self._write(lambda tx: tx.execute(statement("execution_renew"), values).rowcount > 0)

    async def process_of(self, execution_id: str) -> str | None:
        row = self._one("execution_process", id=execution_id)
        return row[0] if row else None

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        made = endings.Endings(settlements, self._numbers)
        brief = _is_brief(len(settlements), common=len(made.endings) == len(settlements))
        return await self._write(lambda tx: endings.settle(tx, made), brief=brief)

    async def load_steps(self, execution_id: str, attempt: int) -> Sequence[Step]:
        found = self._all("steps_load", id=execution_id, attempt=attempt)
        return [Step(n=n, name=name, result=result) for n, name, result in found]

    async def record_step(self, execution_id: str, fence: int, attempt: int, step: Step) -> bool:
        values = {
            "id": execution_id, "fence": fence, "attempt": attempt, "n": step.n, "name": step.name,
            "result": step.result,
        }  # fmt: skip
        return await self._write(lambda tx: tx.execute(statement("step_record"), values).rowcount > 0)

    async def list_inputs(
        self, *, job_id: str | None = None, execution_id: str | None = None, closed: bool = False, limit: int = 100
    ) -> Sequence[Input]:
        if execution_id is not None:
            found = self._all("inputs_of_execution", job=job_id, execution=execution_id, closed=closed, limit=limit)
        else:
            found = self._all("inputs_latest" if closed else "inputs_waiting", job=job_id, limit=limit)
        return [input_of(row) for row in found][::-1]

    async def get_input(self, input_id: str) -> Input | None:
        found = self._all("inputs_by_prefix", prefix=input_id.lower()) if input_id.isalnum() else []
        row = the_one("input", input_id, found, itemgetter(0))
        return input_of(row) if row is not None else None

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        return await self._write(lambda tx: inputs.answer(tx, input_id, given, now))

    async def letters_due(self) -> Mapping[str, Waiting]:
        return {row[0]: waiting_of(row) for row in self._all("letters_due")}

    async def take_letters(self, target: str, now: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        return await self._write(lambda tx: outbox.take(tx, target, now, until, limit))

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        return await self._write(lambda tx: outbox.mark(tx, before, after))

    async def get_letter(self, letter_id: str) -> Letter | None:
        found = self._all("letters_by_prefix", prefix=letter_id.lower()) if letter_id.isalnum() else []
        row = the_one("letter", letter_id, found, itemgetter(0))
        return letter_of(row) if row is not None else None

    async def list_letters(self, filters: LetterFilters, limit: int) -> Sequence[Letter]:
        return [letter_of(row) for row in self._read(lambda connection: outbox.newest(connection, filters, limit))]

    async def count_letters(self) -> Mapping[LetterStatus, int]:
        return {LetterStatus(status): count for status, count in self._all("letters_count")}

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        ids = json.dumps(list(execution_ids))

        def ask(tx: Transaction) -> list[Any]:
            tx.execute(statement("executions_ask_cancel"), {"ids": ids, "now": to_us(now)})
            return tx.execute(statement("executions_by_ids"), {"ids": ids}).fetchall()

        return [self._execution(row) for row in await self._write(ask)]

    async def open_executions(self, job_id: str | None = None) -> Sequence[Execution]:
        found = self._all("executions_open") if job_id is None else self._all("executions_open_of_job", id=job_id)
        return [self._execution(row) for row in found]

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Execution]:
        owners = [row[0] for row in self._all("executions_owners")]
        gone = [owner for owner in owners if owner != self._node and not self._locks.held(owner)]
        found = self._all("executions_lapsed", now=to_us(now), gone=json.dumps(gone), limit=limit)
        self._fetch_specs((row[2], row[27], row[3]) for row in found)
        return [self._execution(row) for row in found]

    async def get_execution(self, execution_id: str) -> Execution | None:
        row = self._one("execution_get", id=execution_id)
        if row is None and execution_id.isascii() and execution_id.isalnum():
            candidates = self._all("executions_by_prefix", prefix=execution_id.lower())
            row = the_one("execution", execution_id, candidates, itemgetter(1))
        if row is None:
            return None
        return (await self._with_texts([row], ("prompt", "result", "conversation")))[0]

    async def list_executions(self, filters: ExecutionFilters, limit: int) -> Page[Execution]:
        found = self._read(lambda connection: reads.executions(connection, filters, limit + 1))
        page = await self._with_texts(found[:limit], ("prompt", "result"))
        return Page(items=page, after=page[-1].id if len(found) > limit else None)

    async def slot_at(self, job_id: str, instant: datetime) -> Execution | None:
        row = self._one("execution_slot_at", job_id=job_id, instant=to_us(instant))
        return self._execution(row) if row else None

    async def latest_runs(self, job_ids: Sequence[str], limit: int) -> Sequence[Execution]:
        return [self._execution(row) for row in self._all("executions_latest", ids=json.dumps(job_ids), limit=limit)]

    async def runs_between(self, start: datetime, end: datetime, limit: int) -> Sequence[Execution]:
        found = self._read(lambda connection: reads.between(connection, start, end, limit))
        return [self._execution(row) for row in found]

    async def count_since(self, instant: datetime) -> Mapping[ExecutionStatus, int]:
        return counted(self._one("tally_counts", hour=hour_of(instant)))

    async def quarters(self, job_id: str, since: datetime) -> Sequence[Quarter]:
        return await self._read_beside(lambda connection: reads.quarters(connection, job_id, since))

    async def history_begins(self, job_id: str) -> datetime | None:
        return maybe_instant(self._one("history_begins", id=job_id)[0])

    async def prune(self, retention: Retention, now: datetime, *, after: str | None = None) -> Pruned:
        from agentcron.storage.sqlite.prune import prune

        return await self._write(lambda tx: prune(tx, retention, now, after))

    async def backup(self, path: Path, *, overwrite: bool = False) -> int:

        from agentcron.storage.sqlite.backup import back_up

        return await asyncio.to_thread(back_up, self.path, path, overwrite=overwrite)

    async def is_made(self) -> bool:
        """Whether the file is there; nothing is changed."""
        return self.path.exists()

    def reading(self) -> contextlib.AbstractContextManager[Tables]:
        """The tables as they are; until the end of the block nobody else can change them."""
        return tables(self.path)

    def filling(self) -> contextlib.AbstractContextManager[Tables]:
        """The tables to be filled: all of it is there after the block, or nothing."""
        return tables(self.path)

    async def statistics(self) -> JobStatistics:
        return self._read(reads.statistics)

    async def clear(self, now: datetime) -> int:
        def clear(tx: Transaction) -> int:
            for job_id, name in tx.execute("SELECT id, name FROM jobs").fetchall():
                tx.execute(statement("tombstone_insert"), {"id": job_id, "name": name, "now": to_us(now)})
            return tx.execute(statement("jobs_clear")).rowcount

        return await self._write(clear)

    # --- nodes ----------------------------------------------------------------------------------------------------

    async def join(self, node: Node) -> None:
        values = {
            "id": node.id,
            "host": node.host,
            "pid": node.pid,
            "version": node.version,
            "started_at": to_us(node.started_at),
            "seen_at": to_us(node.seen_at),
        }
        with self._locks.holding(node.id):
            await self._write(lambda tx: tx.execute(statement("node_join"), values).rowcount)
        self._node, self._seen = node.id, node.seen_at
        assert self._writer is not None
        self._writer.checkpoints = True

    async def leave(self, node_id: str, now: datetime) -> None:
        values = {"id": node_id, "now": to_us(now)}
        try:
            await self._write(lambda tx: tx.execute(statement("node_leave"), values).rowcount)
        finally:
            # A lock that is held says that the node lives: nobody would take over its runs while this process goes on.
            self._locks.release(node_id)
            self._node = None

    async def nodes(self) -> Sequence[Node]:
        found = []
        for row in self._all("nodes_list"):
            alive = row[6] is None and (row[0] == self._node or self._locks.held(row[0]))
            found.append(
                Node(
                    id=row[0],
                    host=row[1],
                    pid=row[2],
                    version=row[3],
                    started_at=rows.to_instant(row[4]),
                    seen_at=rows.to_instant(row[5]),
                    stopped_at=maybe_instant(row[6]),
                    alive=alive,
                )
            )
        return found

    async def beat(self, node_id: str, now: datetime, running: Collection[tuple[str, int]]) -> Orders:
        # The lock says that this process lives; the time is kept for `why`, and an idle node stays off the disk.
        if self._seen is None or abs(now - self._seen) >= SEEN_EVERY:
            await self._write(
                lambda tx: tx.execute(statement("node_seen"), {"id": node_id, "now": to_us(now)}).rowcount
            )
            self._seen = now
        if not running:
            return Orders()
        mine = {row[0]: (row[1], row[2]) for row in self._all("executions_owned", owner=node_id)}
        return Orders(
            cancel=[key for key, fence in running if key in mine and mine[key] == (fence, 1)],
            lost=[key for key, fence in running if key not in mine or mine[key][0] != fence],
        )

    # --- reading and writing --------------------------------------------------------------------------------------

    def _job(self, row: rows.Row) -> Job:
        spec = self._spec(row[1], row[0], row[2])
        if spec is None:
            raise StoreError(f"{self.path}: job {row[1]} has no version {row[2]}; see 'agentcron doctor'")
        try:
            return rows.job(row, spec)
        except _DAMAGED as error:
            raise StoreError(
                f"{self.path}: job {row[1]!r} is damaged ({error}); run 'agentcron doctor', restore a backup"
            ) from error

    def _execution(self, row: rows.Row, **texts: Any) -> Execution:
        try:
            self._specs.see(row[2], row[27])
            return rows.execution(row, texts)
        except _DAMAGED as error:
            raise StoreError(
                f"{self.path}: execution {row[1]!r} is damaged ({error}); run 'agentcron doctor', restore a backup"
            ) from error

    def _readable(self, row: rows.Row) -> Job | None:
        """The job, or None and a word in the log: one that this release cannot read must not stop all others."""
        try:
            return self._job(row)
        except (ValueError, StoreError) as error:
            if row[1] not in self._unreadable:
                self._unreadable.add(row[1])
                self._said.error(f"{self.path}: job {row[1]} cannot be read and is left alone: {error}")
            return None

    async def _jobs_of_rows(self, found: Sequence[rows.Row]) -> list[Job]:
        """Those of them that can be read. Of many the event loop turns in between."""
        jobs, known = list[Job](), self._specs.kept
        for at in range(0, len(found), SLICE):
            if at:
                await asyncio.sleep(0)
            part = found[at : at + SLICE]
            try:
                jobs += [rows.job(row, known[row[0], row[2]]) for row in part]
            except _DAMAGED:
                # A spec is not at hand, or a row cannot be read: one by one they tell which.
                self._fetch_specs((row[1], row[0], row[2]) for row in part)
                jobs += [job for row in part if (job := self._readable(row)) is not None]
        return jobs

    def _spec(self, job_id: str, number: int, version: int) -> JobSpec | None:
        spec = self._specs.kept.get((number, version))
        if spec is None:
            row = self._one("version_get", job=number, version=version)
            spec = self._specs.read(job_id, (number, version), row[0]) if row else None
        return spec

    def _fetch_specs(self, wanted: Iterable[tuple[str, int, int]]) -> None:
        """Read the specs that are not at hand, by the jobs' ids and numbers and the versions, in one query; one that
        cannot be read fails where it is asked for."""
        known = self._specs.kept
        missing = {(number, version): job_id for job_id, number, version in wanted if (number, version) not in known}
        if len(missing) > 1:
            for number, version, text in self._all("versions_get", wanted=json.dumps(list(missing))):
                with contextlib.suppress(ValueError):
                    self._specs.read(missing[number, version], (number, version), text)

    async def _with_texts(self, found: Sequence[rows.Row], parts: Sequence[str]) -> list[Execution]:
        try:
            texts = self._read(lambda connection: reads.texts(connection, [row[0] for row in found], parts))
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise StoreError(f"{self.path}: {error}") from error
        self._fetch_specs((row[2], row[27], row[3]) for row in found)
        executions = []
        for row in found:
            mine = texts.get(row[0], _NO_TEXTS)
            prompt = mine.get("prompt")
            if prompt is None:
                # Nearly all rows of a page are of few versions, whose spec is at hand.
                spec = self._spec(row[2], row[27], row[3])
                prompt = spec.prompt if spec is not None else None
            result = mine.get("result", "" if row[8] in _RAN else None)
            if (talk := mine.get("conversation")) is not None:
                conversation = rows.conversation_of(talk)
                executions.append(self._execution(row, prompt=prompt, result=result, conversation=conversation))
            else:
                executions.append(self._execution(row, prompt=prompt, result=result))
        return executions

    async def _ask(self, query: str, values: dict[str, Any]) -> Sequence[Any]:
        return self._read(lambda connection: connection.execute(query, values).fetchall())

    def _one(self, name: str, **values: Any) -> Any:
        return self._read(lambda connection: connection.execute(statement(name), values).fetchone())

    def _all(self, name: str, **values: Any) -> list[Any]:
        return self._read(lambda connection: connection.execute(statement(name), values).fetchall())

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._reader is None:
            raise StoreUnavailable(f"{self.path}: the store is closed; open it first")
        try:
            return query(self._reader)
        except SQLITE_ERRORS as error:
            raise explain(error, self.path) from error

    async def _read_beside(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """A read that goes through much and answers little: the event loop does not wait for it."""
        if self._beside is None:
            raise StoreUnavailable(f"{self.path}: the store is closed; open it first")
        try:
            return await self._beside.read(query)
        except SQLITE_ERRORS as error:
            raise explain(error, self.path) from error

    async def _write(self, unit: Callable[[Transaction], T], *, brief: bool = False) -> T:
        if self._writer is None:
            raise StoreUnavailable(f"{self.path}: the store is closed; open it first")
        try:
            # What the units of a group have learned together is taken over by the first of them, and is gone then.
            answer, learned = await self._writer.write(lambda tx: (unit(tx), tx.learned), brief=brief)
        except sqlite3.IntegrityError as error:
            raise StoreConflict(f"{self.path}: {error}") from error
        self._specs.learn(learned)
        return answer


def _changes(plans: Iterable[Plan]) -> int:
    return sum(len(plan.rows) or 1 for plan in plans)


def _is_brief(changes: int, *, common: bool) -> bool:
    return changes <= (BRIEF if common else BRIEF_BY_ONE)
