"""How one claimed execution is run: create the agent, run the prompt, close it, judge what it came to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from agentcron.agent_ports import InputNeeded
from agentcron.agents.manager import AgentManagerPlugin, Entry, LiveAgent
from agentcron.checks.checker import Checker
from agentcron.current_run import CURRENT
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
    Outcome,
    Unneeded,
)
from agentcron.domain.settling import Settlement, settle
from agentcron.domain.spec import JobSpec, looks_first
from agentcron.engine.asking import going_on
from agentcron.engine.bounds import Bounds
from agentcron.engine.claimed import ids_of
from agentcron.engine.deadlines import Deadlines
from agentcron.engine.funnel import redacted
from agentcron.engine.gatekeeper import Gatekeeper
from agentcron.engine.heart import Heart
from agentcron.engine.holds import Holds
from agentcron.engine.prompting import conversation_of, prompt_of, takes_over
from agentcron.engine.run import Run
from agentcron.engine.standing import enter
from agentcron.engine.steps import steps_of
from agentcron.engine.verdict import LIMIT, errored, judged
from agentcron.errors import AgentDefinitionError, AgentError
from agentcron.observability import Log
from agentcron.ports import AgentFactory, BackgroundAgent, Clock, JobStore, RunContext
from agentcron.redaction import Redactor

_LOST: Final = CutCause.LOST
CREATION_BACKOFF: Final = timedelta(seconds=1)


class Came(NamedTuple):
    """What a run came to, and ``now``, when; ``spec`` is the one by which it was begun."""

    run: Run
    spec: JobSpec
    outcome: Outcome
    agent_id: str | None
    now: datetime


class Runner:
    """Runs executions with agents from a factory."""

    def __init__(
        self,
        store: JobStore,
        factory: AgentFactory,
        clock: Clock,
        redactor: Redactor,
        log: Log,
        manager: AgentManagerPlugin | None = None,
        bounds: Bounds | None = None,
        checker: Checker | None = None,
        heart: Heart | None = None,
    ) -> None:
        self._store = store
        self._factory = factory
        self._clock = clock
        self._redactor = redactor
        self._log = log
        self._manager = manager
        self._bounds = bounds
        self._heart = heart
        self._holds = Holds(factory, log)
        # The store, where it has leases that may lapse.
        self._leasing = store if hasattr(store, "lapses") else None
        self._deadlines: Deadlines[Run] = Deadlines(lambda run: run.cut(CutCause.TIMEOUT))
        self._gatekeeper = Gatekeeper(store, checker or Checker(), clock, redactor, log, self._context, bounds)
        # Kinds of agents that were found to have all their parts.
        self._whole: set[type] = set()

    async def run(self, run: Run, spec: JobSpec) -> Came:
        """Run it to its end, whatever happens."""
        if self._heart is not None:
            self._heart.begins(spec)
        outcome, agent_id = await self._work(run, spec)
        run.judged = True
        return Came(run, _as_begun(run, spec), outcome, agent_id, self._clock.now())

    def settlement(self, came: Came) -> Settlement | None:
        """What it is settled as; None where it is no longer ours."""
        run, spec, outcome, agent_id, now = came
        if run.abandoned or run.cause is _LOST:
            told = f"{spec.name}: {run.execution.id} belongs to somebody else; its outcome is not kept"
            self._log.warning(told, **ids_of(run.execution))
            return None
        try:
            return self._settlement(run, redacted(outcome, self._redactor), spec, now, agent_id)
        except Exception as error:  # agents are other people's code: what one answered may be no answer at all
            return self.lost_answer(run, spec, error)

    def lost_answer(self, run: Run, spec: JobSpec, error: Exception) -> Settlement:
        """What becomes of a run whose answer no store can keep: without it its row would stay open."""
        told = f"what the agent answered cannot be kept: {type(error).__name__}: {self._redactor.text(str(error))}"
        lost = Errored(kind="answer", message=" ".join(told.split()))
        return settle(run.execution, lost, self._clock.now(), spec)

    async def _work(self, run: Run, spec: JobSpec) -> tuple[Outcome, str | None]:
        if (asked := run.cause) is not None:
            return Cut(cause=asked, message=_CUT[asked]), None
        run.working = True
        CURRENT.set(run.execution)
        agent: BackgroundAgent | None = None
        entry: Entry | None = None
        began = 0.0
        limit = spec.timeout
        self._deadlines.add(run, limit)
        outcome: Outcome
        try:
            if self._looks_first(run, spec) and (held_up := await self._held_up(run, spec)) is not None:
                return held_up, None
            spec = _as_begun(run, spec)
            prompt, context = spec.prompt, self._context(run.execution, spec)
            if run.execution.asked:
                context = await going_on(self._store, run.execution, context)
            if takes_over(spec):
                prompt, context = await self._taken_over(run, spec, context)
            enter(self._leasing, run.execution, context)
            agent = await self._create(context, spec)
            if self._manager is not None:
                entry = self._register(self._manager, run, spec, agent)
            began = self._clock.steady()
            outcome = judged(await agent.run(prompt), spec.failure_marker)
        except asyncio.CancelledError:
            if run.task is None or not run.task.cancelling():
                outcome = errored(AgentError("the agent canceled itself", kind="exception"))
            else:
                # The cancellation is answered here; without this every further timeout would misread it.
                run.task.uncancel()
                cause = run.cause or CutCause.SHUTDOWN
                told = f"timeout: not done within {spec.timeout}" if cause is CutCause.TIMEOUT else _CUT[cause]
                outcome = Cut(cause=cause, message=told)
        except (Exception, SystemExit, InputNeeded) as error:  # an agent's sys.exit() must not end the scheduler
            outcome = errored(error)
        finally:
            self._deadlines.remove(run, limit)
        agent_id = agent.agent_id if agent is not None else None
        if agent is not None:
            if not isinstance(outcome, Done):
                outcome = self._explained(outcome, agent, run, spec)
            await self._close(agent, run, spec)
            if self._manager is not None and entry is not None:
                self._manager.unregister(entry)
        if (spec.expect or spec.silent) and isinstance(outcome, Done):
            outcome = await self._gatekeeper.judge(run, spec, outcome, self._clock.steady() - began)
        return outcome, agent_id

    def _explained(self, outcome: Outcome, agent: BackgroundAgent, run: Run, spec: JobSpec) -> Outcome:
        """What did not go well, with what the agent knows of it."""
        if isinstance(outcome, Errored | Cut) or (isinstance(outcome, Asking) and outcome.answer is None):
            # What was used before the end was paid for, and is what one reads to understand the end.
            outcome = replace(outcome, answer=self._so_far(agent, run.execution, spec))
        if isinstance(outcome, Errored) and outcome.kind == LIMIT:
            return Failed(kind=LIMIT, message=outcome.message, answer=outcome.answer or AgentOutcome())
        if isinstance(outcome, Errored) and outcome.provider is not None:
            return self._holds.held(outcome, spec.agent, self._clock.now())
        return outcome

    def given_up(self, run: Run, spec: JobSpec) -> Settlement:
        """What becomes of a run whose agent does not end."""
        cause = run.cause or CutCause.TIMEOUT
        told = f"{cause.value}: the agent ignores that it was ended"
        return self._settlement(run, Cut(cause=cause, message=told), spec, self._clock.now())

    def _settlement(
        self, run: Run, outcome: Outcome, spec: JobSpec, now: datetime, agent_id: str | None = None
    ) -> Settlement:
        execution = run.execution
        if (run.unsure or run.beginning) and not execution.begun and isinstance(outcome, Cut | Unneeded):
            # Begun or not, the store knows alone, and refuses what does not agree with it. Whoever takes the row next,
            # or settles it as canceled, reads it there.
            outcome = GivenBack(ready_at=now)
        return settle(execution, outcome, now, spec, agent_id=agent_id)

    def _looks_first(self, run: Run, spec: JobSpec) -> bool:
        return not run.execution.begun or (self._bounds is not None and self._bounds.cover(spec))

    async def _held_up(self, run: Run, spec: JobSpec) -> Outcome | None:
        """What keeps the run from calling its agent: a gate, or a budget. None: nothing, and it is begun."""
        if not run.execution.begun and looks_first(spec):
            return await self._gatekeeper.admit(run, spec)
        if self._bounds is not None and self._bounds.cover(spec):
            return await self._bounds.begin(run, spec)
        return None

    def _register(self, manager: AgentManagerPlugin, run: Run, spec: JobSpec, agent: BackgroundAgent) -> Entry:
        live = LiveAgent(
            agent_id=agent.agent_id,
            definition=spec.agent,
            execution_id=run.execution.id,
            job_id=run.execution.job_id,
            job_name=spec.name,
            since=self._clock.now(),
        )
        return manager.register(live, lambda: run.cut(CutCause.CANCEL), run.ended)

    def _context(self, execution: Execution, spec: JobSpec) -> RunContext:
        return RunContext.whole(
            {
                "job_id": execution.job_id,
                "job_name": spec.name,
                "execution_id": execution.id,
                "scheduled_for": execution.scheduled_for,
                "attempt": execution.attempt,
                "timeout": spec.timeout,
                "metadata": dict(spec.metadata),
                "limits": spec.limits,
                "steps": steps_of(self._store, execution, spec, self._redactor),
                "record_process": partial(self._note_process, execution),
            }
        )

    async def _taken_over(self, run: Run, spec: JobSpec, context: RunContext) -> tuple[str, RunContext]:
        prompt = await prompt_of(self._store, run.execution, spec)
        if prompt != spec.prompt:
            run.execution = run.execution.evolve(prompt=self._redactor.text(prompt))
        return prompt, _with(context, await conversation_of(self._store, run.execution, spec))

    async def _create(self, context: RunContext, spec: JobSpec) -> BackgroundAgent:
        tries = spec.retry.creation_attempts
        for number in range(1, tries + 1):
            try:
                agent = await self._factory.create(spec.agent, context)
                if type(agent) not in self._whole:
                    self._whole.add(type(_checked(agent)))
                return agent
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

    async def _close(self, agent: BackgroundAgent, run: Run, spec: JobSpec) -> None:
        run.closing = self._clock.steady()
        try:
            await agent.close()
        except asyncio.CancelledError:
            self._log.warning(f"{spec.name}: closing the agent of {run.execution.id} was cut short")
        except Exception as error:  # what an agent does on its way out never changes what its run came to
            self._log.warning(f"{spec.name}: closing the agent of {run.execution.id} failed: {error!r}")


def _as_begun(run: Run, spec: JobSpec) -> JobSpec:
    """The spec by which the run was begun: a budget may have given it to another definition."""
    agent = run.fallback_agent
    return spec if agent is None else replace(spec, agent=agent)


def _with(context: RunContext, conversation: Conversation | None) -> RunContext:
    return context if conversation is None else context.evolve(conversation=conversation)


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
