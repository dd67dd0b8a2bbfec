"""Random lives of a store: what is done to it, done to the model as well, and both asked the same after each step."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agentcron.domain import changes
from agentcron.domain.findings import Findings, Mark
from agentcron.domain.inputs import NOBODY, Decision, Given, InputKind, Question
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import (
    AgentOutcome,
    Asking,
    Conversation,
    Cut,
    CutCause,
    Done,
    Errored,
    Failed,
    GivenBack,
    Needless,
    Outcome,
    Unneeded,
    Usage,
)
from agentcron.domain.planner import plan
from agentcron.domain.plans import Plan
from agentcron.domain.queries import Due, ExecutionFilters, JobFilters, JobOrder, Node, Orders, Page
from agentcron.domain.settling import Settlement, settle
from agentcron.domain.spec_fields import read_spec
from agentcron.domain.statistics import Totals
from agentcron.errors import InvalidScheduleError
from agentcron.ports import JobStore
from agentcron.storage.filters import select
from agentcron.storage.json_files import StorageFsPlugin
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.postgres import PostgresStorage
from agentcron.storage.sqlite import SqliteStorage
from tests.stores.model import Model

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOST_JOBS = 4
MOST_KEPT = 5
SPECS: Sequence[dict[str, Any]] = (
    {"schedule": "every 1m", "max_runs": 1},
    {"schedule": "*/2 * * * *", "overlap": "buffer_all", "catch_up": "all", "catch_up_max": 3, "priority": -1},
    {"schedule": "every 30s", "overlap": "allow_all", "tags": ["x"], "pause_after_failures": 2},
    {"schedule": "every 1m", "overlap": "cancel_other", "max_runs": 2, "retry": "attempts=3,backoff=20s"},
    {"schedule": "* * * * *", "overlap": "buffer_one", "on_interrupt": "retry", "pause_after_failures": 1},
    {"schedule": "at 2026-03-01T12:10:00+00:00", "on_interrupt": "resume", "timeout": "30s"},
    {"schedule": "every 1m", "when_changed": "file:in/*.md", "on_interrupt": "resume", "retry": 2},
    {"schedule": "every 30s", "expect": ["changed:out.md", "regex:."], "silent": "NOTHING", "overlap": "buffer_all"},
)
EDITS: Sequence[dict[str, Any]] = (
    {"prompt": "something else"}, {"schedule": "every 2m"}, {"overlap": "buffer_all"}, {"max_runs": 1},
    {"name": "renamed", "tags": ["y"]}, {"pause_after_failures": 1, "timeout": "10s"},
)  # fmt: skip
ANSWER = AgentOutcome(
    output="it is done", usage=Usage(input_tokens=3, output_tokens=4, requests=1), cost_usd=Decimal("0.25"),
    conversation=Conversation(kind="python", format="messages", format_version=1, native=[{"text": "ü"}]),
)  # fmt: skip
FINDINGS = Findings(
    gate="changed: in/ä.md", marks=(Mark("file:in/*.md", "2 files", NOW),), before=(Mark("changed:out.md", "-", NOW),)
)
QUESTIONS = (
    Question(key="c", kind=InputKind.APPROVAL, question="call mail", tool="mail", args={"to": ["ä"]}),
    Question(key="q", kind=InputKind.QUESTION, question="Which?\nOne.", options=("a", "b")),
)
GIVEN = (
    Given(decision=Decision.APPROVED, by="ann"),
    Given(decision=Decision.DENIED, answer="nö"),
    Given(decision=Decision.ANSWERED, answer="a", by=NOBODY),
)
PICK = st.sampled_from(range(12))
SECONDS = st.sampled_from([60, 0, 1, 10, 30, 61, 300, 7200])


def outcome(number: int, now: datetime, begun: bool) -> Outcome:
    """One of everything that a run can come to; what never began cannot have been done."""
    cut = (
        Cut(cause=CutCause.LOST),
        Cut(cause=CutCause.CANCEL, message="canceled"),
        GivenBack(ready_at=now + timedelta(seconds=30)),
        Unneeded(cause=Needless.LATE),
        Unneeded(cause=Needless.GATE, findings=FINDINGS),
        Unneeded(cause=Needless.GATE, findings=Findings(gate="nothing changed")),
    )
    if not begun:
        return cut[number % 6]
    return (
        Done(answer=ANSWER),
        Failed(kind="agent", message="no", answer=AgentOutcome()),
        Errored(kind="network", message="x", retryable=True, answer=ANSWER),
        Errored(kind="exception", message="x"),
        Cut(cause=CutCause.LOST),
        Cut(cause=CutCause.TIMEOUT, message="timeout"),
        Cut(cause=CutCause.CANCEL, message="canceled", answer=ANSWER),
        Cut(cause=CutCause.SHUTDOWN),
        GivenBack(ready_at=now + timedelta(seconds=30)),
        Asking(questions=QUESTIONS, until=now + timedelta(minutes=5), answer=ANSWER),
        Done(answer=ANSWER, silent=True),
        Done(answer=AgentOutcome()),
    )[number % 12]


class Chorus:
    """Several stores that are asked the same and must answer the same."""

    def __init__(self, *stores: JobStore) -> None:
        self._stores = stores

    def __getattr__(self, name: str) -> Any:
        methods = [getattr(store, name) for store in self._stores]

        async def asked(*arguments: Any, **options: Any) -> Any:
            answer, *others = [await method(*arguments, **options) for method in methods]
            plain = _SAID.get(name) or (_by_id if _mixed(name, arguments) else _plain)
            wanted = plain(answer)
            for store, other in zip(self._stores[1:], others, strict=True):
                assert plain(other) == wanted, f"{name}: {store.url} answers otherwise"
            return answer

        return asked


def _mixed(name: str, arguments: Sequence[Any]) -> bool:
    """Whether the answer is executions of several jobs: in which order they come is each store's own affair."""
    return name == "ask_cancel" or (name == "list_executions" and arguments[0].job_id is None)


def _plain(answer: Any) -> Any:
    """What is meant by an answer: one kind of sequence is as good as another, and a place in a list is its store's."""
    match answer:
        case Page(items=items):
            return list(items)
        case Due(jobs=jobs, next_at=next_at):
            return list(jobs), next_at
        case Orders(cancel=cancel, lost=lost):
            return list(cancel), list(lost)
        case ([*applied], [*rows]):
            # Which rows begin is decided; in what order agents that all have a place begin is not.
            return applied, {row.id: row for row in rows}
        case list() | tuple():
            return list(answer)
    return answer


def _by_id(answer: Any) -> dict[str, Execution]:
    return {row.id: row for row in _plain(answer)}


class StoreMachine(RuleBasedStateMachine):
    """A store of each kind beside the model. ``steps`` counts what was done, over all lives. ``postgres`` answers the
    URL of an empty database, for those who want one beside them."""

    def __init__(self, folder: Path, steps: Counter[str], postgres: Callable[[], str] | None = None) -> None:
        super().__init__()
        self.postgres = postgres() if postgres is not None else None
        self.folder, self.steps = folder, steps
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.now = NOW
        self.numbers = itertools.count(1)
        self.places = itertools.count(1)
        # What somebody still holds in hand when the world has gone on: plans, and executions as they were claimed.
        self.plans: list[Plan] = []
        self.hands: list[Execution] = []
        self.node = ""
        self.memory = MemoryStorage()
        self.place = self._fresh_place()
        self.store: Any = self._open()

    # --- the store ------------------------------------------------------------------------------------------------

    def run(self, awaitable: Awaitable[T]) -> T:
        return self.loop.run_until_complete(awaitable)

    def _fresh_place(self) -> Path:
        shutil.rmtree(self.folder, ignore_errors=True)
        place = self.folder / str(next(self.places))
        place.mkdir(parents=True)
        return place

    def _open(self) -> Chorus:
        """New objects on the place, in which another node runs executions. What is in memory has no other place."""
        self.folder_store = _Unhurried(self.place)
        stores: list[JobStore] = [self.memory, SqliteStorage(self.place / "store.sqlite"), self.folder_store]
        if self.postgres is not None:
            # Nobody else is heard of here, and a lock tells who is gone.
            stores.append(PostgresStorage(self.postgres, locks_dir=self.folder.parent / "locks"))
        store: Any = Chorus(*stores)
        self.run(store.open())
        self.node = f"node-{next(self.numbers)}"
        self.run(store.join(Node(id=self.node, host="h", pid=1, version="0", started_at=NOW, seen_at=NOW)))
        self.model.alive = {self.node}
        return store

    def teardown(self) -> None:
        try:
            self._compare_histories()
            assert self.run(self.store.clear(self.now)) == self.model.clear(self.now)
            self.run(self._compare())
        finally:
            self.run(self.store.close())
            self.loop.close()

    # --- a person's changes ---------------------------------------------------------------------------------------

    @initialize(first=PICK, second=PICK)
    def begin_with_jobs(self, first: int, second: int) -> None:
        self.create(first)
        self.create(second)

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(number=PICK)
    def create(self, number: int) -> None:
        spec = read_spec({"name": f"job {number}", "prompt": f"do {number}", **SPECS[number % len(SPECS)]})
        try:
            made = changes.create(spec, f"{next(self.numbers) * 0x9E3779B97F4A7C15 % 2**64:016x}", self.now)
        except InvalidScheduleError:
            return
        self._commit("create", [made])

    @precondition(lambda self: self.model.jobs)
    @rule(
        job=PICK, how=st.sampled_from(["run", "run", "edit", "edit", "pause", "resume", "resume", "cancel", "delete"])
    )
    def change(self, job: int, how: str) -> None:
        found, now, new_id = self._job(job), self.now, self._new_id
        try:
            if how == "run":
                made = changes.run_now(found, now, new_id())
            elif how == "edit":
                made = changes.edit(found, read_spec(EDITS[job % len(EDITS)], base=found.spec), now, new_id)
            elif how == "pause":
                made = changes.pause(found, now, new_id)
            elif how == "resume":
                made = changes.resume(found, now, new_id)
            elif how == "cancel":
                made = changes.cancel(found, now, new_id)
            else:
                made = changes.delete(found, now)
        except InvalidScheduleError:
            return
        if made is not None:
            self._commit(how, [made])

    # --- the scheduler's ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.jobs)
    @rule(seconds=SECONDS, limit=PICK, number=st.sampled_from(range(24)))
    def turn(self, seconds: int, limit: int, number: int) -> None:
        """What a scheduler does, at once or one after the other; every second time its agents are done at once."""
        self.now += timedelta(seconds=seconds)
        due, _ = self.model.due(self.now)
        made = [plan(self.model.job(job_id), self.now, self._new_id) for job_id in due]
        plans, places = [one for one in made if one is not None], limit // 2 + 1
        if number % 3:
            claimed = self._commit_and_claim(plans, places)
        else:
            self._commit("tick", plans)
            claimed = self._claim(places, None, True)
        if number < 12:
            rows = [row if row.begun or number % 3 == 0 else self._begin(row, FINDINGS) for row in claimed]
            self._settle([self._settled(row, outcome(number, self.now, row.begun)) for row in rows])

    @precondition(lambda self: self.model.jobs)
    @rule(job=PICK)
    def plan_and_hesitate(self, job: int) -> None:
        """A plan that is committed once the job may have moved."""
        made = plan(self._job(job), self.now, self._new_id)
        if made is not None:
            self.plans = [*self.plans, made][-MOST_KEPT:]

    @precondition(lambda self: self.plans)
    @rule()
    def commit_late(self) -> None:
        plans, self.plans = self.plans, []
        self._commit("commit late", plans)

    @precondition(lambda self: self.hands)
    @rule(hand=PICK, number=PICK)
    def settle_behind_a_plan(self, hand: int, number: int) -> None:
        """A run ends between the plan of its job and the commit of that plan."""
        self.now += timedelta(minutes=1)
        job_id = self._hand(hand).job_id
        made = plan(self.model.job(job_id), self.now, self._new_id) if job_id in self.model.jobs else None
        self.settle(hand, hand, number)
        if made is not None:
            self._commit("commit late", [made])

    def _commit(self, word: str, plans: list[Plan]) -> None:
        wanted = self._wanted(word, plans)
        assert self.run(self.store.commit(plans)) == wanted

    def _wanted(self, word: str, plans: list[Plan]) -> list[bool]:
        self.steps[word] += len(plans)
        wanted = [self.model.commit(made) for made in plans]
        self.steps["refused plans"] += wanted.count(False)
        return wanted

    def _commit_and_claim(self, plans: list[Plan], limit: int) -> list[Execution]:
        wanted = self._wanted("tick", plans)
        claims = self.model.claim(self.node, self.now, limit, None, True)
        asked = self.store.commit_and_claim(plans, self.node, self.now, limit, caught_up=limit)
        applied, found = self.run(asked)
        assert applied == wanted
        self.steps["claim with its plan"] += len(found)
        order = [key for key, _ in claims]
        return self._claimed(sorted(found, key=lambda row: order.index(row.id)), claims)

    @precondition(lambda self: self.model.open_rows())
    @rule(limit=PICK, begin=st.booleans())
    def claim(self, limit: int, begin: bool) -> None:
        self._claim(limit // 2 + 1, None, begin)

    @precondition(lambda self: self.model.open_rows())
    @rule(first=PICK, second=PICK, begin=st.booleans())
    def claim_by_name(self, first: int, second: int, begin: bool) -> None:
        rows = self.model.open_rows()
        self._claim(2, [rows[first % len(rows)].id, rows[second % len(rows)].id], begin)

    def _claim(self, limit: int, ids: list[str] | None, begin: bool) -> list[Execution]:
        wanted = self.model.claim(self.node, self.now, limit, ids, begin)
        return self._claimed(self.run(self.store.claim(self.node, self.now, limit, ids=ids, begin=begin)), wanted)

    def _claimed(self, found: list[Execution], wanted: list[tuple[str, int]]) -> list[Execution]:
        assert [(row.id, row.fence) for row in found] == wanted
        assert found == [self.model.rows[row.id] for row in found]
        self.steps["claim"] += len(found)
        self.hands = [*self.hands, *found][-MOST_KEPT:]
        return found

    @precondition(lambda self: self.hands)
    @rule(hand=PICK, how=st.sampled_from(["begin", "agent", "process"]))
    def touch(self, hand: int, how: str) -> None:
        row = self._hand(hand)
        if how == "begin":
            self._begin(row, FINDINGS if hand % 3 else None)
        else:
            noted = (row.id, row.fence, "agent-1", "12:3.5" if how == "process" else None)
            done = self.model.note_agent(*noted)
            assert self.run(self.store.note_agent(*noted)) is done
            self.steps[how] += done

    def _begin(self, row: Execution, found: Findings | None) -> Execution:
        done = self.model.begin(row.id, row.fence, self.now, found)
        assert self.run(self.store.begin(row.id, row.fence, self.now, found)) is done
        self.steps["begin"] += done
        if not done:
            return row
        begun = row.evolve(begun=True, start_time=self.now, findings=found or row.findings)
        self.hands = [begun if one is row else one for one in self.hands]
        return begun

    @precondition(lambda self: self.hands)
    @rule(hand=PICK, other=PICK, number=PICK)
    def settle(self, hand: int, other: int, number: int) -> None:
        """One or two at once, also by those who lost their claim long ago, also twice the same."""
        rows = [self._hand(hand)] if number % 3 else [self._hand(hand), self._hand(other)]
        ends = [outcome(number + other * place, self.now, row.begun) for place, row in enumerate(rows)]
        self._settle([self._settled(row, end) for row, end in zip(rows, ends, strict=True)])

    @precondition(lambda self: self.model.open_rows())
    @rule(row=PICK, late=st.booleans())
    def settle_waiting(self, row: int, late: bool) -> None:
        rows = self.model.open_rows()
        waiting = rows[row % len(rows)]
        if waiting.status is ExecutionStatus.AWAITING_INPUT:
            self._settle([self._settled(waiting, Cut(cause=CutCause.CANCEL))])
        elif waiting.status is ExecutionStatus.PENDING:
            unneeded = late and not waiting.begun
            end = Unneeded(cause=Needless.LATE) if unneeded else Cut(cause=CutCause.CANCEL)
            self._settle([self._settled(waiting, end)])

    @precondition(lambda self: self.model.inputs)
    @rule(one=PICK, given=st.sampled_from(GIVEN))
    def answer(self, one: int, given: Given) -> None:
        """Of the last that were asked, answered or not."""
        ids = list(self.model.inputs)[-4:]
        done = self.model.answer(ids[one % len(ids)], given, self.now)
        assert self.run(self.store.answer_input(ids[one % len(ids)], given, self.now)) is done
        self.steps["answer"] += done

    @precondition(lambda self: self.model.open_rows())
    @rule(lapsed=st.booleans())
    def upkeep(self, lapsed: bool) -> None:
        """What upkeep does: it beats, and settles the rows that nobody looks after."""
        if lapsed:
            found = self.run(self.store.lapsed(self.now, 100))
            assert [row.id for row in found] == self.model.lapsed(self.now)
            cut = {True: Cut(cause=CutCause.LOST), False: Cut(cause=CutCause.CANCEL)}
            self._settle([self._settled(row, cut[row.status is ExecutionStatus.RUNNING]) for row in found])
            return
        mine = list({row.id: row.fence for row in self.hands if row.owner == self.node}.items())
        orders = self.run(self.store.beat(self.node, self.now, mine))
        assert (list(orders.cancel), list(orders.lost)) == self.model.beat(mine)
        self.steps["beat"] += 1

    def _settled(self, row: Execution, came_to: Outcome) -> Settlement:
        spec = self.model.specs.get((row.job_id, row.version)) or read_spec({"name": "n", "prompt": "p", **SPECS[0]})
        return settle(row, came_to, self.now, spec)

    def _settle(self, settlements: list[Settlement]) -> None:
        wanted = [self.model.settle(settlement) for settlement in settlements]
        assert self.run(self.store.settle(settlements)) == wanted
        self.steps["refused settlements"] += wanted.count(False)
        for settlement, kept in zip(settlements, wanted, strict=True):
            self.steps[f"settled as {settlement.after.status}"] += kept

    @precondition(lambda self: self.model.rows)
    @rule(first=PICK, second=PICK)
    def ask_cancel(self, first: int, second: int) -> None:
        rows = list(self.model.rows)
        ids = [rows[-first % len(rows)], rows[-second % len(rows)]]
        wanted = self.model.ask_cancel(dict.fromkeys(ids), self.now)
        found = self.run(self.store.ask_cancel(dict.fromkeys(ids), self.now))
        assert {row.id for row in found} == set(wanted)
        self.steps["ask cancel"] += len(wanted)

    # --- time, and the end of processes ---------------------------------------------------------------------------

    @precondition(lambda self: self.model.rows)
    @rule(seconds=st.sampled_from([1, 30, 60, 300, 7200, -1, -30, -300]))
    def move_clock(self, seconds: int) -> None:
        self.steps["clock back"] += seconds < 0
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.model.open_rows())
    @rule(how=st.sampled_from(["close", "crash", "project"]))
    def end(self, how: str) -> None:
        """The process ends in order, or another goes on with a copy of the files as they are without a close."""
        if how == "project":
            self.steps["project"] += 1
            assert self.run(self.folder_store._project())
            return
        self.steps[how] += 1
        self.run(self.memory.leave(self.node, self.now))
        if how == "close":
            self.run(self.store.close())
        else:
            self.place, old, left = self.folder / str(next(self.places)), self.place, self.store
            shutil.copytree(old, self.place, ignore=shutil.ignore_patterns("*.lock", "*-shm"))
            self.run(left.close())
            shutil.rmtree(old)
        self.store = self._open()

    # --- what both answer -----------------------------------------------------------------------------------------

    @invariant()
    def both_answer_the_same(self) -> None:
        self.steps["comparisons"] += 1
        self.run(self._compare())

    async def _compare(self) -> None:
        store, model = self.store, self.model
        jobs = model.all_jobs()
        assert (await store.list_jobs(JobFilters(), limit=100)).items == jobs
        order = tuple(JobOrder)[self.steps["comparisons"] % len(JobOrder)]
        wanted = JobFilters(status=[JobStatus.WAITING, JobStatus.RUNNING])
        assert await store.select_jobs(wanted, order, 2, skip=1) == select(jobs, wanted, order, 2, 1)
        assert await store.open_executions() == model.open_rows()
        rows = (await store.list_executions(ExecutionFilters(include_skipped=True), 10_000)).items
        assert {row.id: row for row in rows} == {
            key: model.shown(row).evolve(conversation=None) for key, row in model.rows.items()
        }
        due = await store.due(self.now, 100)
        assert ([job.id for job in due.jobs], due.next_at) == model.due(self.now)
        assert await store.ready_at() == model.ready_at()
        if model.inputs:
            assert await store.list_inputs(closed=True, limit=10_000) == model.asked()
        assert await store.statistics() == model.statistics(jobs)

    def _compare_histories(self) -> None:
        """What is too dear for each step: histories in order, single rows with their conversations, tombstones."""
        store, model = self.store, self.model
        assert [row.id for row in self.run(store.lapsed(self.now, 100))] == model.lapsed(self.now)
        for job_id in model.jobs:
            filters = ExecutionFilters(job_id=job_id, include_skipped=True)
            history = self.run(store.list_executions(filters, 10_000)).items
            wanted = sorted(model.rows_of(job_id), key=lambda row: row.at, reverse=True)
            assert [row.id for row in history] == [row.id for row in wanted]
            slot, expected = self.run(store.slot_at(job_id, self.now)), model.slot_at(job_id, self.now)
            assert _bare(slot) == _bare(expected)
        for key, row in model.rows.items():
            assert self.run(store.get_execution(key)) == model.shown(row)
            assert self.run(store.process_of(key)) == model.processes.get(key)
        for job_id, at in model.deleted.items():
            assert self.run(store.deleted_at(job_id)) == at
        for (job_id, version), spec in model.specs.items():
            assert self.run(store.get_spec(job_id, version)) == spec

    # --- picking --------------------------------------------------------------------------------------------------

    def _job(self, number: int) -> Any:
        jobs = list(self.model.jobs)
        return self.model.job(jobs[number % len(jobs)])

    def _hand(self, number: int) -> Execution:
        return self.hands[number % len(self.hands)]

    def _new_id(self) -> str:
        return f"{next(self.numbers):026x}"


def _bare(row: Execution | None) -> Execution | None:
    """Without its texts, which not every question is answered with."""
    return row and row.evolve(prompt=None, result=None, conversation=None)


def _to_plan(due: Due) -> Due:
    """Without the sums and marks of the jobs, which a store may leave out."""
    return Due(jobs=[job.evolve(totals=Totals(), marks=()) for job in due.jobs], next_at=due.next_at)


_SAID: dict[str, Callable[[Any], Any]] = {"slot_at": _bare, "due": _to_plan}


class _Unhurried(StorageFsPlugin):
    """A folder whose files follow the log only when they are told to: the same steps leave the same files."""

    async def _keep_projecting(self) -> None:
        return
