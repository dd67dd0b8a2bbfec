"""The Postgres store: which transaction or query answers each method of ``JobStore``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from agentcron.domain.budgets import Claim, Verdict, hour_of
from agentcron.domain.findings import Findings
from agentcron.domain.inputs import Given, Input
from agentcron.domain.letters import Letter, LetterFilters, LetterStatus, Waiting
from agentcron.domain.lifecycle import ExecutionStatus
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
from agentcron.errors import ConflictError, StoreConflict, StoreError, StoreUnavailable
from agentcron.ids import made_since
from agentcron.journal import Step
from agentcron.observability import Log, get_logger
from agentcron.storage import rows
from agentcron.storage.beginnings import the_one
from agentcron.storage.filters import matches, select
from agentcron.storage.input_rows import given_values, input_of
from agentcron.storage.letters import letter_of, mark_values, waiting_of
from agentcron.storage.moving import Tables
from agentcron.storage.postgres import claiming, outbox, pruning, reads, restoring, settling, specs, spending
from agentcron.storage.postgres import plans as planning
from agentcron.storage.postgres.clock import ServerClock
from agentcron.storage.postgres.connection import Server
from agentcron.storage.postgres.database import Connection, Database, Transaction, drawer_of
from agentcron.storage.postgres.membership import LEASE, HostLocks, Membership
from agentcron.storage.postgres.tables import tables
from agentcron.storage.rows import maybe_instant, to_us
from agentcron.storage.specs import Key
from agentcron.storage.tally import counted

NAME: Final = "storage"
SEEN_EVERY: Final = timedelta(seconds=30)
_DAY: Final = timedelta(days=1)
_QUARTER_US: Final = 900_000_000


class PostgresStorage:
    """Jobs and executions in a Postgres database, for any number of processes on any number of hosts.

    ``url`` is what libpq takes: ``postgresql://USER:PASSWORD@HOST:5432/DATABASE``; the tables are made in ``schema``.
    A node that was not heard of for ``lease`` seconds is taken for gone; on one host it is known at once, by a lock in
    ``locks_dir`` (default: in the user's data folder).
    Raises ``StoreTooNew``, ``StoreUnavailable``, ``StoreError`` and, for the URL, ``ConfigError``.
    """

    look_every: Final = timedelta(seconds=1)
    """How often a node looks for rows of lost owners."""
    keeps_rate: Final = True
    """Whether claims can be held to so many starts in a time."""

    def __init__(
        self,
        url: str,
        *,
        schema: str = "agentcron",
        lease: float = LEASE,
        connections: int = 4,
        locks_dir: str | Path | None = None,
    ) -> None:
        self._given = url
        self._server = Server(url, schema)
        self._database = Database(self._server, connections)
        self._lease = lease
        self._locks = HostLocks(Path(locks_dir) if locks_dir is not None else _locks_folder())
        self._membership: Membership | None = None
        self._unreadable: set[str] = set()
        self._said = Log(get_logger(), NAME)
        self._node: str | None = None
        self._seen: datetime | None = None
        self._heard: Callable[[], None] = lambda: None
        self.clock = ServerClock()

    @property
    def lapses(self) -> int | None:
        """How often this node's lease has run out; None while it is over."""
        return self._membership.lapses if self._membership is not None else 0

    def log_to(self, logger: logging.Logger) -> None:
        """Send every line there from now on."""
        self._said = Log(logger, NAME)

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard``, on the loop of ``join``, when another process changed what there is to do."""
        self._heard = heard

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def dbos_url(self) -> str:
        """The database as DBOS is told of it, with its password: never to be shown."""
        return self._given

    @property
    def commits(self) -> int:
        """How many transactions this process has committed, for those who count them."""
        return self._database.commits

    async def is_made(self) -> bool:
        """Whether the tables are there; nothing is changed."""
        return await self._database.is_made()

    async def open(self) -> None:
        if not self._database.is_open:
            await self._database.open()

    async def close(self) -> None:
        if self._membership is not None:
            await self._membership.stop()
            self._membership = None
            if self._node is not None:
                try:
                    await self._run("node_let_go", id=self._node)
                except StoreError as error:
                    self._said.warning(f"the lease of {self._node} ends by itself: {error}")
        await self._database.close()
        if self._node is not None:
            # After the last write: a free lock says that nothing more comes from this process.
            self._locks.release(self._node)
            self._node = None

    # --- jobs -----------------------------------------------------------------------------------------------------

    async def get_job(self, job_id: str) -> Job | None:
        row = await self._database.one("job_get", id=job_id)
        return (await self._jobs([row]))[0] if row else None

    async def get_spec(self, job_id: str, version: int) -> JobSpec | None:
        return await specs.get(self._database, job_id, version)

    async def find_jobs(self, name_or_prefix: str) -> Sequence[Job]:
        found = await self._database.all("job_get", id=name_or_prefix)
        if not found:
            found = await self._database.all("jobs_named", wanted=name_or_prefix)
        if not found and name_or_prefix.isascii() and name_or_prefix.isalnum():
            found = await self._database.all("jobs_by_prefix", prefix=name_or_prefix.lower())
        return await self._jobs(found)

    async def deleted_at(self, job_id_or_name: str) -> datetime | None:
        row = await self._database.one("tombstone_get", key=job_id_or_name)
        return maybe_instant(row[0]) if row else None

    async def list_jobs(self, filters: JobFilters, *, after: str | None = None, limit: int = 100) -> Page[Job]:
        found: list[Job] = []
        seq = int(after or 0)
        while page := await reads.WORDS.page(self._ask, filters, seq, min(limit, 1000)):
            jobs = await self._readable(page)
            for row in page:
                seq = row[0]
                job = jobs.get(row[1])
                if job is not None and matches(job, filters):
                    found.append(job)
                    if len(found) == limit:
                        return Page(items=found, after=str(seq))
        return Page(items=found)

    async def select_jobs(self, filters: JobFilters, order: JobOrder, limit: int, *, skip: int = 0) -> Selection:
        if filters != JobFilters(status=filters.status, date_range=filters.date_range):
            others = await self.list_jobs(replace(filters, status=None), limit=sys.maxsize)
            return select(others.items, filters, order, limit, skip)
        found = await reads.WORDS.rows(self._ask, filters, order, limit, skip)
        return Selection(
            jobs=list((await self._readable(found)).values()),
            by_status=await reads.WORDS.counts(self._ask, filters),
        )

    async def jobs_of(self, ids: Collection[str]) -> Mapping[str, Job]:
        return await self._readable(await self._database.all("jobs_by_ids", ids=list(ids)))

    async def tags(self, limit: int) -> Sequence[str]:
        return [row[0] for row in await self._database.all("jobs_tags", limit=limit)]

    async def due(self, now: datetime, limit: int) -> Due:
        # Jobs that cannot be read stay due: they must not take the places of those that can.
        due = await self._database.all("jobs_due", now=to_us(now), limit=limit + len(self._unreadable))
        jobs = await self._readable(due) if due else {}
        following = await self._database.one("jobs_next", now=to_us(now))
        found = [jobs[row[1]] for row in due if row[1] in jobs][:limit]
        return Due(jobs=found, next_at=maybe_instant(following[0]) if following else None)

    async def commit(self, plans: Sequence[Plan]) -> list[bool]:
        return (await self._commit(plans, None))[0]

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
        async def begin(tx: Transaction) -> list[Execution]:
            return await claiming.claim(tx, owner, now, limit, None, True, caught_up, self._specs_in, apart)

        return await self._commit(plans, begin)

    async def _commit(
        self, plans: Sequence[Plan], begin: Callable[[Transaction], Awaitable[list[Execution]]] | None
    ) -> tuple[list[bool], list[Execution]]:
        async def unit(tx: Transaction) -> tuple[list[bool], list[Execution]]:
            applied = await planning.commit(tx, plans)
            if news := [one for plan, done in zip(plans, applied, strict=True) if done for one in plan.news]:
                await outbox.post(tx, news)
            begun = await begin(tx) if begin is not None else []
            if any(done and planning.needs_word(plan) for plan, done in zip(plans, applied, strict=True)):
                tx.write("notify", {"what": "plan"})
            return applied, begun

        try:
            applied, begun = await self._database.write(unit)
        except StoreConflict as error:
            # A plan that breaks a rule of the schema is refused alone; its neighbours are applied without it.
            if len(plans) == 1:
                self._said.error(f"the plan of job {plans[0].job_id} was refused: {error}")
                return [False], []
            return [(await self.commit([plan]))[0] for plan in plans], []
        return applied, begun

    async def restore(self, jobs: Sequence[Job], executions: Sequence[Execution]) -> int:
        return await self._database.write(lambda tx: restoring.restore(tx, jobs, executions))

    # --- executions -----------------------------------------------------------------------------------------------

    async def ready_at(self) -> datetime | None:
        row = await self._database.one("executions_ready_at")
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
        async def unit(tx: Transaction) -> list[Execution]:
            return await claiming.claim(tx, owner, now, limit, ids, begin, caught_up, self._specs_in, apart, limits)

        for _ in range(_TRIES):
            try:
                return await self._database.write(unit)
            except StoreConflict:
                # Another node began a row of the same lane meanwhile; the next look sees it.
                continue
        return []

    async def begin(self, execution_id: str, fence: int, now: datetime, findings: Findings | None = None) -> bool:
        return await self._database.write(lambda tx: claiming.begin(tx, execution_id, fence, now, findings))

    async def begin_within(
        self, execution_id: str, fence: int, now: datetime, claim: Claim, agent: str | None = None
    ) -> Verdict | None:
        return await self._database.write(lambda tx: spending.begin(tx, execution_id, fence, now, claim, agent))

    async def usage(self, scopes: str, hour: int) -> Sequence[Spent]:
        return await spending.usage(self._database, scopes, hour)

    async def note_agent(self, execution_id: str, fence: int, agent_id: str, process: str | None = None) -> bool:
        values = {"id": execution_id, "fence": fence, "agent_id": agent_id, "process": process}
        return await self._changes("execution_note_agent", **values)

    async def renew(self, execution_id: str, fence: int, wake_at: datetime) -> bool:
        return await self._changes("execution_renew", id=execution_id, fence=fence, wake_at=to_us(wake_at))

    async def process_of(self, execution_id: str) -> str | None:
        row = await self._database.one("execution_process", id=execution_id)
        return row[0] if row else None

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        async def unit(tx: Transaction) -> list[bool]:
            kept = await settling.settle(tx, settlements)
            if news := [one.news for one, held in zip(settlements, kept, strict=True) if held and one.news is not None]:
                await outbox.post(tx, news)
            return kept

        return await self._database.write(unit)

    async def list_inputs(
        self, *, job_id: str | None = None, execution_id: str | None = None, closed: bool = False, limit: int = 100
    ) -> Sequence[Input]:
        if execution_id is not None:
            wanted = {"job": job_id, "execution": execution_id, "closed": closed, "limit": limit}
            found = await self._database.all("inputs_of_execution", **wanted)
        else:
            found = await self._database.all("inputs_latest" if closed else "inputs_waiting", job=job_id, limit=limit)
        return [input_of(row) for row in found][::-1]

    async def get_input(self, input_id: str) -> Input | None:
        if not input_id.isalnum():
            return None
        found = await self._database.all("inputs_by_prefix", prefix=input_id.lower())
        row = the_one("input", input_id, found, itemgetter(0))
        return input_of(row) if row is not None else None

    async def answer_input(self, input_id: str, given: Given, now: datetime) -> bool:
        values = {**given_values(given), "id": input_id, "now": to_us(now)}

        async def answer(tx: Transaction) -> bool:
            tx.write("input_lock", {"id": input_id})
            if await tx.one("input_answer", **values) is None:
                return False
            tx.write("execution_answered", {"id": input_id, "now": to_us(now)})
            tx.write("notify", {"what": "answer"})
            return True

        return await self._database.write(answer)

    async def load_steps(self, execution_id: str, attempt: int) -> Sequence[Step]:
        found = await self._database.all("steps_load", id=execution_id, attempt=attempt)
        return [Step(n=n, name=name, result=result) for n, name, result in found]

    async def record_step(self, execution_id: str, fence: int, attempt: int, step: Step) -> bool:
        values = {"id": execution_id, "fence": fence, "attempt": attempt}
        return await self._changes("step_record", **values, n=step.n, name=step.name, result=step.result)

    async def letters_due(self) -> Mapping[str, Waiting]:
        return {row[0]: waiting_of(row) for row in await self._database.all("letters_due")}

    async def take_letters(self, target: str, now: datetime, until: datetime, limit: int) -> Sequence[Letter]:
        values = {"target": target, "now": to_us(now), "until": to_us(until), "limit": limit}
        found = await self._database.write(lambda tx: tx.all("letters_take", **values))
        return [letter_of(row) for row in found]

    async def mark_letter(self, before: Letter, after: Letter) -> bool:
        values = {**mark_values(after), "id": after.id, "was": before.status.value, "were": before.tries}
        return await self._changes("letter_mark", **values)

    async def get_letter(self, letter_id: str) -> Letter | None:
        if not letter_id.isalnum():
            return None
        found = await self._database.all("letters_by_prefix", prefix=letter_id.lower())
        row = the_one("letter", letter_id, found, itemgetter(0))
        return letter_of(row) if row is not None else None

    async def list_letters(self, filters: LetterFilters, limit: int) -> Sequence[Letter]:
        return [letter_of(row) for row in await outbox.newest(self._database, filters, limit)]

    async def count_letters(self) -> Mapping[LetterStatus, int]:
        return {LetterStatus(status): count for status, count in await self._database.all("letters_count")}

    async def ask_cancel(self, execution_ids: Iterable[str], now: datetime) -> list[Execution]:
        ids = list(execution_ids)

        async def ask(tx: Transaction) -> list[Any]:
            tx.write("executions_ask_cancel", {"ids": ids, "now": to_us(now)})
            found = await tx.all("executions_by_ids", ids=ids)
            tx.write("notify", {"what": "cancel"})
            return found

        return [self._execution(row) for row in await self._database.write(ask)]

    async def open_executions(self, job_id: str | None = None) -> Sequence[Execution]:
        if job_id is None:
            found = await self._database.all("executions_open")
        else:
            found = await self._database.all("executions_open_of_job", id=job_id)
        return [self._execution(row) for row in found]

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Execution]:
        owners = await self._database.all("owners_judged", me=self._node, lease=self._lease)
        gone = [
            owner
            for owner, place, lost in owners
            if owner != self._node and (lost or (place is not None and self._locks.gone(owner, place)))
        ]
        found = await self._database.all("executions_lapsed", now=to_us(now), gone=gone, limit=limit)
        return [self._execution(row) for row in found]

    async def get_execution(self, execution_id: str) -> Execution | None:
        row = await self._database.one("execution_get", id=execution_id)
        if row is None and execution_id.isascii() and execution_id.isalnum():
            candidates = await self._database.all("executions_by_prefix", prefix=execution_id.lower())
            row = the_one("execution", execution_id, candidates, itemgetter(1))
        if row is None:
            return None
        return (await self._with_texts([row], ("prompt", "result", "conversation")))[0]

    async def list_executions(self, filters: ExecutionFilters, limit: int) -> Page[Execution]:
        found = await self._database.read(lambda connection: reads.executions(connection, filters, limit + 1))
        page = await self._with_texts(found[:limit], ("prompt", "result"))
        return Page(items=page, after=page[-1].id if len(found) > limit else None)

    async def slot_at(self, job_id: str, instant: datetime) -> Execution | None:
        row = await self._database.one("execution_slot_at", job_id=job_id, instant=to_us(instant))
        return self._execution(row) if row else None

    async def history_begins(self, job_id: str) -> datetime | None:
        row = await self._database.one("history_begins", id=job_id)
        return maybe_instant(row[0]) if row else None

    async def latest_runs(self, job_ids: Sequence[str], limit: int) -> Sequence[Execution]:
        found = await self._database.all("executions_latest", ids=list(job_ids), limit=limit)
        return [self._execution(row) for row in found]

    async def runs_between(self, start: datetime, end: datetime, limit: int) -> Sequence[Execution]:
        values = {"start": to_us(start), "end": to_us(end), "made": made_since(start - _DAY), "limit": limit}
        return [self._execution(row) for row in await self._database.all("executions_between", **values)]

    async def count_since(self, instant: datetime) -> Mapping[ExecutionStatus, int]:
        return counted(await self._database.one("tally_counts", hour=hour_of(instant)))

    async def quarters(self, job_id: str, since: datetime) -> Sequence[Quarter]:
        found = await self._database.all("executions_by_quarter", id=job_id, since=to_us(since))
        return [
            Quarter(at=rows.to_instant(quarter * _QUARTER_US), status=ExecutionStatus(status), slots=slots)
            for quarter, status, slots in found
        ]

    async def prune(self, retention: Retention, now: datetime, *, after: str | None = None) -> Pruned:
        return await self._database.write(lambda tx: pruning.prune(tx, retention, now, after))

    async def backup(self, path: Path, *, overwrite: bool = False) -> int:
        raise ConflictError(
            f"{self.url}: is copied with the server's own tool: pg_dump --schema={self._server.schema} "
            f"--format=custom --file={path} URL"
        )

    async def statistics(self) -> JobStatistics:
        return await self._database.read(reads.statistics)

    async def clear(self, now: datetime) -> int:
        async def clear(tx: Transaction) -> int:
            tx.write("jobs_entomb", {"now": to_us(now)})
            gone: int = (await tx.one("jobs_clear"))[0]
            tx.write("notify", {"what": "plan"})
            return gone

        return await self._database.write(clear)

    def reading(self) -> AbstractContextManager[Tables]:
        """The tables as they are; until the end of the block nobody else can change them."""
        return tables(self._server)

    def filling(self) -> AbstractContextManager[Tables]:
        """The tables to be filled: all of it is there after the block, or nothing."""
        return tables(self._server)

    # --- nodes ----------------------------------------------------------------------------------------------------

    async def join(self, node: Node) -> None:
        values = {
            "id": node.id,
            "host": node.host,
            "pid": node.pid,
            "version": node.version,
            "place": self._locks.place,
            "started_at": to_us(node.started_at),
            "seen_at": to_us(node.seen_at),
            "lease": self._lease,
        }
        self._locks.hold(node.id)
        try:
            await self._run("node_join", **values)
        except BaseException:
            self._locks.release(node.id)
            raise
        self._node, self._seen = node.id, node.seen_at
        self._database.drawer = drawer_of(node.id)
        self._membership = Membership(self._server, node.id, self.clock, self._lease, lambda: self._heard())
        self._membership.start()

    async def leave(self, node_id: str, now: datetime) -> None:
        if self._membership is not None:
            await self._membership.stop()
            self._membership = None
        await self._run("node_leave", id=node_id, now=to_us(now))
        self._locks.release(node_id)
        self._node = None

    async def nodes(self) -> Sequence[Node]:
        found = []
        for row in await self._database.all("nodes_list"):
            stopped, silent = row[6] is not None, bool(row[8])
            alive = not stopped and (row[0] == self._node or not (silent or self._locks.gone(row[0], row[7])))
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
                    lease_until=maybe_instant(row[9]) if alive else None,
                )
            )
        return found

    async def beat(self, node_id: str, now: datetime, running: Collection[tuple[str, int]]) -> Orders:
        if self._membership is not None:
            self._membership.tick()
        if self._seen is None or abs(now - self._seen) >= SEEN_EVERY:
            await self._run("node_seen", id=node_id, now=to_us(now))
            self._seen = now
        if not running:
            return Orders()
        owned = await self._database.all("executions_owned", owner=node_id)
        mine = {row[0]: (row[1], bool(row[2])) for row in owned}
        return Orders(
            cancel=[key for key, fence in running if key in mine and mine[key] == (fence, True)],
            lost=[key for key, fence in running if key not in mine or mine[key][0] != fence],
        )

    # --- reading and writing --------------------------------------------------------------------------------------

    async def _jobs(self, found: Sequence[rows.Row]) -> list[Job]:
        known = await self._specs_of(found)
        return [self._job(row, known) for row in found]

    async def _specs_of(self, jobs: Sequence[rows.Row]) -> Mapping[Key, JobSpec | ValueError]:
        return await specs.of(self._database, ((row[1], row[0], row[2]) for row in jobs))

    async def _specs_in(self, tx: Transaction, wanted: Collection[specs.Wanted]) -> Mapping[Key, JobSpec | ValueError]:
        return await specs.of(self._database, wanted, tx)

    def _job(self, row: rows.Row, known: Mapping[Key, JobSpec | ValueError]) -> Job:
        spec = known.get((row[0], row[2]))
        if spec is None:
            raise StoreError(f"{self.url}: job {row[1]} has no version {row[2]}; see 'agentcron doctor'")
        if isinstance(spec, ValueError):
            raise spec
        try:
            return rows.job(row, spec)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise StoreError(f"{self.url}: job {row[1]!r} is damaged ({error}); restore a backup") from error

    def _execution(self, row: rows.Row) -> Execution:
        try:
            self._database.specs.see(row[2], row[27])
            return rows.execution(row)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise StoreError(f"{self.url}: execution {row[1]!r} is damaged ({error}); restore a backup") from error

    async def _readable(self, found: Sequence[rows.Row]) -> dict[str, Job]:
        """The jobs by their ids, without those that this release cannot read: one must not stop all others."""
        known = await self._specs_of(found)
        jobs = {}
        for row in found:
            try:
                jobs[row[1]] = self._job(row, known)
            except (ValueError, StoreError) as error:
                if row[1] not in self._unreadable:
                    self._unreadable.add(row[1])
                    self._said.error(f"{self.url}: job {row[1]} cannot be read and is left alone: {error}")
        return jobs

    async def _with_texts(self, found: Sequence[rows.Row], parts: Sequence[str]) -> list[Execution]:
        try:
            texts = await reads.texts(self._database, [row[0] for row in found], parts)
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise StoreError(f"{self.url}: {error}") from error
        executions = []
        for row in found:
            mine = texts.get(row[0], {})
            execution = self._execution(row)
            prompt = mine.get("prompt")
            if prompt is None:
                spec = await self.get_spec(execution.job_id, execution.version)
                prompt = spec.prompt if spec is not None else None
            talk = mine.get("conversation")
            executions.append(
                execution.evolve(
                    prompt=prompt,
                    result=mine.get("result", "" if execution.ran else None),
                    conversation=rows.conversation_of(talk) if talk is not None else None,
                )
            )
        return executions

    async def _ask(self, query: str, values: dict[str, Any]) -> Sequence[Any]:
        async def ask(connection: Connection) -> Sequence[Any]:
            return await (await connection.execute(query.encode(), values)).fetchall()

        return await self._database.read(ask)

    async def _changes(self, name: str, /, **values: Any) -> bool:
        """Whether the statement changed anything."""

        async def unit(tx: Transaction) -> bool:
            return await tx.one(name, **values) is not None

        return await self._database.write(unit)

    async def _run(self, name: str, /, **values: Any) -> None:
        async def unit(tx: Transaction) -> None:
            tx.write(name, values)

        await self._database.write(unit)


_TRIES: Final = 3


def _locks_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("agentcron", appauthor=False)) / "nodes"
