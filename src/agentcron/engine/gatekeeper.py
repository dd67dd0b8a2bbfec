"""Whether a claimed execution may begin, and whether what it came to holds: the steps around the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agentcron.checks.checker import Checker
from agentcron.checks.place import LookFailed
from agentcron.domain.checks import CheckKind
from agentcron.domain.findings import Findings
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Cut, CutCause, Done, Errored, Failed, GivenBack, Needless, Outcome, Unneeded
from agentcron.domain.policies import CLOSE_GRACE
from agentcron.domain.spec import JobSpec
from agentcron.engine.bounds import Bounds
from agentcron.errors import StoreError
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore, RunContext
from agentcron.redaction import Redactor

if TYPE_CHECKING:
    from agentcron.engine.run import Run

LOOK_LIMIT: Final = 60.0
# A test suite may be what a run is held against.
CHECKS_LIMIT: Final = 600.0
STORE_RETRY: Final = timedelta(seconds=1)
_SLOW: Final = frozenset({CheckKind.COMMAND, CheckKind.URL})


class Gatekeeper:
    """Looks before a run begins and judges after it has ended, for the jobs that ask for it."""

    def __init__(
        self,
        store: JobStore,
        checker: Checker,
        clock: Clock,
        redactor: Redactor,
        log: Log,
        context_of: Callable[[Execution, JobSpec], RunContext],
        bounds: Bounds | None = None,
    ) -> None:
        self._store = store
        self._checker = checker
        self._clock = clock
        self._redactor = redactor
        self._log = log
        self._context_of = context_of
        self._bounds = bounds

    async def admit(self, run: Run, spec: JobSpec) -> Outcome | None:
        """Look, then record the beginning with what was seen. None: the agent is to be called.

        A manual run is never held up, and its success counts like any other: it looks too. What cannot be looked at
        is an error of this attempt; while retries are left nothing is begun, so that the retry looks again.
        """
        execution = run.execution
        try:
            failure, findings, unchanged = await self._look(execution, spec)
            if failure is not None and execution.manual:
                self._log.warning(f"{spec.name}: {execution.id} is run by hand, though its gate failed: {failure}")
                failure = None
            if unchanged and not execution.manual:
                return Unneeded(cause=Needless.GATE, findings=findings)
            if failure is not None:
                error = Errored(kind="gate", message=f"gate: {failure}", retryable=failure.retryable)
                if failure.retryable and execution.retries + 1 < spec.retry.attempts:
                    return error
                return await self._begin(run, spec, findings) or error
            return await self._begin(run, spec, findings)
        except StoreError as error:
            # Whether the beginning is durable is unknown; nothing was called, so it may be asked for again.
            self._log.warning(f"{spec.name}: {execution.id} is not begun: {error}")
            return GivenBack(ready_at=self._clock.now() + STORE_RETRY)

    async def _look(self, execution: Execution, spec: JobSpec) -> tuple[LookFailed | None, Findings, bool]:
        """What could not be seen, what was, and whether all of it is as it was."""
        context = self._context_of(execution, spec)
        job = await self._store.get_job(execution.job_id)
        now = self._clock.now()
        findings, unchanged = Findings(), False
        # A look that took the whole of the job's time would be cut before it began, and asked for again without end.
        seconds = min(LOOK_LIMIT, spec.timeout.total_seconds() * 0.9)
        try:
            async with asyncio.timeout(seconds):
                if spec.when_changed:
                    verdict = await self._checker.look(spec, job.marks if job is not None else (), now, context)
                    findings = Findings(gate=self._redactor.text(verdict.told), marks=verdict.marks)
                    if verdict.failure is not None:
                        return verdict.failure, findings, False
                    unchanged = not verdict.changed
                if not unchanged or execution.manual:
                    findings = replace(findings, before=await self._checker.before(spec, now, context))
        except TimeoutError:
            return LookFailed(f"could not be looked at within {seconds:g} s", retryable=True), findings, False
        except LookFailed as error:
            return error, findings, False
        except Exception as error:  # libraries look too; an error of theirs would leave a row that was never begun
            return LookFailed(f"{type(error).__name__}: {error}"), findings, False
        return None, findings, unchanged

    async def _begin(self, run: Run, spec: JobSpec, findings: Findings) -> Outcome | None:
        if self._bounds is not None and self._bounds.cover(spec):
            refused = await self._bounds.begin(run, spec)
            if refused is not None:
                return refused
        execution, now = run.execution, self._clock.now()
        async with run.begins():
            if not await self._store.begin(execution.id, execution.fence, now, findings):
                return Cut(cause=CutCause.CANCEL, message="canceled")
            run.execution = execution.evolve(begun=True, start_time=now, findings=findings)
        return None

    async def judge(self, run: Run, spec: JobSpec, done: Done, seconds: float) -> Outcome:
        """What the run came to when it is held against what the job expects."""
        # The agent is closed; a check that takes its time is no agent that does not end.
        run.closing = None
        try:
            problem = await self._judged(run, spec, done, seconds) if spec.expect else None
            silent = problem is None and await self._silent(spec, done)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            cause = run.cause or CutCause.SHUTDOWN
            return Cut(cause=cause, message="cut while its outcome was checked", answer=done.answer)
        if problem is not None:
            return Failed(kind="check", message=f"check: {problem}", answer=done.answer)
        return replace(done, silent=silent)

    async def _silent(self, spec: JobSpec, done: Done) -> bool:
        try:
            return await self._checker.is_silent(spec.silent, done.answer.output)
        except LookFailed as error:
            self._log.warning(f"{spec.name}: silent: {error}; the answer is told")
            return False

    async def _judged(self, run: Run, spec: JobSpec, done: Done, seconds: float) -> str | None:
        execution = run.execution
        if any(one.kind in _SLOW for one in spec.expect):
            # The agent may have used all of its time; what it did is still to be judged.
            run.deadline = self._clock.steady() + CHECKS_LIMIT
            until = self._clock.now() + timedelta(seconds=CHECKS_LIMIT) + CLOSE_GRACE
            try:
                await self._store.renew(execution.id, execution.fence, until)
            except StoreError as error:
                self._log.warning(f"{spec.name}: {execution.id} is checked without more time: {error}")
        before = execution.findings.before if execution.findings is not None else ()
        try:
            async with asyncio.timeout(CHECKS_LIMIT):
                return await self._checker.judge(spec, done.answer, seconds, before, self._context_of(execution, spec))
        except TimeoutError:
            return f"not done within {CHECKS_LIMIT:g} s"
        except Exception as error:  # the answer was paid for and must not be lost with its check
            return f"could not be judged: {type(error).__name__}: {' '.join(str(error).split())}"
