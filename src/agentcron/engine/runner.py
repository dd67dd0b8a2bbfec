"""How one claimed execution is run: create the agent, run the prompt, close it, settle the row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from agentcron.agents.manager import AgentManagerPlugin, Entry, LiveAgent
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import AgentOutcome, Cut, CutCause, Done, Errored, Failed, Outcome
from agentcron.domain.settling import Settlement, settle
from agentcron.domain.spec import JobSpec
from agentcron.errors import AgentDefinitionError, AgentError, StoreError
from agentcron.observability import Log
from agentcron.ports import AgentFactory, BackgroundAgent, Clock, JobStore, RunContext
from agentcron.redaction import Redactor

LIMIT: Final = "limit"
CLOSE_LIMIT: Final = 30.0
CREATION_BACKOFF: Final = timedelta(seconds=1)
STORE_RETRY: Final = timedelta(seconds=1)


@dataclass(slots=True, eq=False)
class Run:
    """An execution that runs here, and why it is to end before it is done, if it is.

    ``deadline`` and ``told_at`` (when it was told to end) are steady seconds: a clock that is set ends no run.
    ``ended`` is set when its row is settled or left to others.
    """

    execution: Execution
    clock: Clock
    deadline: float
    task: asyncio.Task[None] | None = None
    working: bool = False
    judged: bool = False
    cause: CutCause | None = None
    told_at: float | None = None
    abandoned: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self, cause: CutCause) -> None:
        """End the run. The first cause holds."""
        if self.cause is None and self.task is not None:
            self.cause, self.told_at = cause, self.clock.steady()
            # A task that is cancelled before its first step never takes one, and its row would stay open.
            if self.working:
                self.task.cancel()

    @property
    def overdue(self) -> float:
        """For how many seconds it should have ended; below 0 where it may go on. What it came to once is known and
        only has to be written is never given up: it was paid for."""
        if self.judged:
            return -1.0
        end = self.deadline if self.told_at is None else min(self.deadline, self.told_at)
        return self.clock.steady() - end


class Runner:
    """Runs executions with agents from a factory and settles them in the store."""

    def __init__(
        self,
        store: JobStore,
        factory: AgentFactory,
        clock: Clock,
        redactor: Redactor,
        log: Log,
        on_settled: Callable[[Settlement], None] = lambda settlement: None,
        manager: AgentManagerPlugin | None = None,
    ) -> None:
        self._store = store
        self._factory = factory
        self._clock = clock
        self._redactor = redactor
        self._log = log
        self._on_settled = on_settled
        self._manager = manager

    async def run(self, run: Run, spec: JobSpec) -> None:
        """Run it to its end, whatever happens, and settle its row unless it is no longer ours."""
        execution = run.execution
        outcome, agent_id = await self._work(run, spec)
        run.judged = True
        if run.abandoned or run.cause is CutCause.LOST:
            self._log.warning(f"{spec.name}: {execution.id} belongs to somebody else; its outcome is not kept")
            return
        execution = execution.evolve(agent_id=agent_id)
        try:
            await self.settle(settle(execution, self._redacted(outcome), self._clock.now(), spec), spec.name)
        except Exception as error:  # an answer that no store can keep would leave its row open
            told = f"what the agent answered cannot be kept: {type(error).__name__}: {self._redactor.text(str(error))}"
            lost = Errored(kind="answer", message=" ".join(told.split()))
            await self.settle(settle(execution, lost, self._clock.now(), spec), spec.name)

    async def settle(self, settlement: Settlement, name: str) -> bool:
        """Write the settlement, and go on trying while the store cannot: the outcome was paid for."""
        failing = False
        while True:
            try:
                # An answer that was lost on the way may have been a yes: the second try is refused by the first.
                kept = (await self._store.settle([settlement]))[0] or (failing and await self._is_kept(settlement))
                break
            except StoreError as error:
                if not failing:
                    self._log.error(f"{name}: the outcome of {settlement.after.id} waits for the store: {error}")
                failing = True
                await self._clock.sleep_until(self._clock.now() + STORE_RETRY)
        after = settlement.after
        if not kept:
            self._log.warning(f"{name}: {after.id} was settled by somebody else; this outcome comes too late")
            return False
        self._tell(settlement, name)
        self._on_settled(settlement)
        return True

    async def _is_kept(self, settlement: Settlement) -> bool:
        after = settlement.after
        row = await self._store.get_execution(after.id)
        return row is not None and (row.status, row.fence, row.attempt, row.end_time) == (
            after.status, after.fence, after.attempt, after.end_time,
        )  # fmt: skip

    def _tell(self, settlement: Settlement, name: str) -> None:
        """One line a run: what it came to, and why where it did not succeed."""
        after, closed = settlement.after, settlement.closed_attempt
        detail = after.error or (closed.error if closed is not None else None)
        tell = self._log.warning if detail else self._log.info
        if detail is None and not self._log.telling:
            return
        word = after.status.value + (f" ({after.reason})" if after.reason else "")
        if settlement.ended and after.duration is not None:
            word += f" after {after.duration.total_seconds():.3f}s"
        elif after.wake_at is not None:
            word += f", again at {after.wake_at.isoformat(timespec='seconds')}"
        told = f"{name}: {after.id} attempt {settlement.before.attempt}: {word}"
        tell(f"{told}: {detail}" if detail else told, job_id=after.job_id, execution_id=after.id)

    async def _work(self, run: Run, spec: JobSpec) -> tuple[Outcome, str | None]:
        if (asked := run.cause) is not None:
            return Cut(cause=asked, message=_CUT[asked]), None
        run.working = True
        agent: BackgroundAgent | None = None
        entry: Entry | None = None
        limit = asyncio.timeout(spec.timeout.total_seconds())
        try:
            async with limit:
                agent = await self._create(run.execution, spec)
                entry = self._register(run, spec, agent)
                answer = await agent.run(spec.prompt)
            outcome: Outcome = _judged(answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                outcome = _errored(AgentError("the agent canceled itself", kind="exception"))
            else:
                # The cancellation is answered here; without this every further timeout would misread it.
                task.uncancel()
                cause = run.cause or CutCause.SHUTDOWN
                outcome = Cut(cause=cause, message=_CUT[cause])
        except TimeoutError as error:
            if limit.expired():
                outcome = Cut(cause=CutCause.TIMEOUT, message=f"timeout: not done within {spec.timeout}")
            else:
                outcome = _errored(error)
        except (Exception, SystemExit) as error:  # an agent's sys.exit() must not end the scheduler
            outcome = _errored(error)
        agent_id = agent.agent_id if agent is not None else None
        if agent is not None:
            if isinstance(outcome, Errored | Cut):
                # What was used before the end was paid for, and is what one reads to understand the end.
                outcome = replace(outcome, answer=self._so_far(agent, run.execution, spec))
            if isinstance(outcome, Errored) and outcome.kind == LIMIT:
                outcome = Failed(kind=LIMIT, message=outcome.message, answer=outcome.answer or AgentOutcome())
            await self._close(agent, run.execution, spec)
            if self._manager is not None and entry is not None:
                self._manager.unregister(entry)
        return outcome, agent_id

    def _register(self, run: Run, spec: JobSpec, agent: BackgroundAgent) -> Entry | None:
        if self._manager is None:
            return None
        live = LiveAgent(
            agent_id=agent.agent_id,
            definition=spec.agent,
            execution_id=run.execution.id,
            job_id=run.execution.job_id,
            job_name=spec.name,
            since=self._clock.now(),
        )
        return self._manager.register(live, lambda: run.cut(CutCause.CANCEL), run.ended)

    async def _create(self, execution: Execution, spec: JobSpec) -> BackgroundAgent:
        context = RunContext(
            job_id=execution.job_id,
            job_name=spec.name,
            execution_id=execution.id,
            scheduled_for=execution.scheduled_for,
            attempt=execution.attempt,
            idempotency_key=execution.idempotency_key,
            timeout=spec.timeout,
            metadata=dict(spec.metadata),
            limits=spec.limits,
            record_process=lambda pid, started: self._note_process(execution, pid, started),
        )
        tries = spec.retry.creation_attempts
        for number in range(1, tries + 1):
            try:
                return _checked(await self._factory.create(spec.agent, context))
            except AgentDefinitionError:
                raise
            except Exception as error:
                if number == tries:
                    raise AgentError(
                        f"the agent {spec.agent!r} could not be created ({tries} attempts): {error}", kind="creation"
                    ) from error
                self._log.warning(f"{spec.name}: creating the agent failed, attempt {number} of {tries}: {error}")
                await self._clock.sleep_until(self._clock.now() + CREATION_BACKOFF * 2 ** (number - 1))
        raise AssertionError("unreachable")

    async def _note_process(self, execution: Execution, pid: int, started: float) -> None:
        process = f"{pid}:{started!r}"
        agent_id = f"{execution.agent}-{execution.id}-{execution.attempt}"
        if not await self._store.note_agent(execution.id, execution.fence, agent_id, process):
            raise AgentError("the execution belongs to another scheduler", kind="fenced")

    def _so_far(self, agent: BackgroundAgent, execution: Execution, spec: JobSpec) -> AgentOutcome | None:
        try:
            told = agent.so_far()
        except Exception as error:  # the end that is being told matters more than what was used until then
            self._log.warning(f"{spec.name}: the agent of {execution.id} cannot tell what it did until then: {error!r}")
            return None
        return told if isinstance(told, AgentOutcome) else None

    async def _close(self, agent: BackgroundAgent, execution: Execution, spec: JobSpec) -> None:
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await agent.close()
        except asyncio.CancelledError:
            self._log.warning(f"{spec.name}: closing the agent of {execution.id} was cut short")
        except Exception as error:  # what an agent does on its way out never changes what its run came to
            self._log.warning(f"{spec.name}: closing the agent of {execution.id} failed: {error!r}")

    def _redacted(self, outcome: Outcome) -> Outcome:
        """The one funnel: what is stored of a run passes here."""
        text = self._redactor.text
        match outcome:
            case Done(answer=answer):
                return Done(answer=_clean(answer, self._redactor))
            case Failed(answer=answer, message=message):
                return replace(outcome, answer=_clean(answer, self._redactor), message=text(message))
            case Errored(message=message, answer=partial) | Cut(message=message, answer=partial):
                kept = None if partial is None else _clean(partial, self._redactor)
                return replace(outcome, message=text(message), answer=kept)
        return outcome


def _clean(answer: AgentOutcome, redactor: Redactor) -> AgentOutcome:
    output = redactor.text(answer.output)
    talk = answer.conversation
    if talk is not None:
        return replace(answer, output=output, conversation=replace(talk, native=redactor.value(talk.native)))
    return answer if output is answer.output else replace(answer, output=output)


_CUT: Final = {
    CutCause.SHUTDOWN: "the scheduler was stopped while it ran",
    CutCause.CANCEL: "canceled while it ran",
    CutCause.TIMEOUT: "not done in time",
    CutCause.LOST: "its scheduler was lost while it ran",
}


def _checked(agent: BackgroundAgent) -> BackgroundAgent:
    """Factories are other people's code. An agent without its parts would fail where nobody can tell why."""
    if all(hasattr(agent, part) for part in ("agent_id", "run", "so_far", "close")):
        return agent
    raise TypeError(
        f"the factory answered with {type(agent).__name__}, which is no agent (agent_id, run, so_far, close)"
    )


def _judged(answer: Any) -> Outcome:
    """What an agent answered, which may be anything: agents are other people's code."""
    if not isinstance(answer, AgentOutcome):
        word = type(answer).__name__
        raise AgentError(f"the agent answered with {word}; it must return an AgentOutcome", kind="answer")
    output: Any = answer.output
    if not isinstance(output, str):
        word = type(output).__name__
        raise AgentError(f"the agent's outcome has {word} as its output; it must be text", kind="answer")
    if answer.failed is not None:
        kind = LIMIT if answer.failed.startswith("limit") else "agent"
        return Failed(kind=kind, message=answer.failed, answer=answer)
    return Done(answer=answer)


def _errored(error: BaseException) -> Errored:
    if isinstance(error, AgentError):
        return Errored(kind=error.kind, message=str(error), retryable=error.retryable, retry_after=error.retry_after)
    if isinstance(error, AgentDefinitionError):
        return Errored(kind="definition", message=str(error))
    return Errored(kind="exception", message=f"{type(error).__name__}: {error}")
