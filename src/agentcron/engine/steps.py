"""The steps of one attempt, kept in the store."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from agentcron.current_run import stands
from agentcron.domain.inputs import Decision, Input, InputKind
from agentcron.domain.model import Execution
from agentcron.domain.policies import OnInterrupt
from agentcron.domain.spec import JobSpec
from agentcron.errors import AgentError, StepUnknown, StoreUnavailable
from agentcron.journal import Journal, Step
from agentcron.redaction import Redactor

T = TypeVar("T")

STORE_RETRY: Final = 1.0
_RESUME: Final = OnInterrupt.RESUME


class JournaledSteps:
    """Answers from the journal what was finished, and writes down what is finished now.

    Steps of one name are told apart by their order, which must be the same at every going on. What is written
    passes the redactor: an answer that is read back may lack the secrets that it held.
    """

    def __init__(self, journal: Journal, execution: Execution, redactor: Redactor) -> None:
        self._journal = journal
        self._execution = execution
        self._redactor = redactor
        self._known: dict[str, Step] | None = None
        # What people said of calls whose outcome was unknown.
        self.answers: Mapping[str, Input] = {}
        self._asked: Counter[str] = Counter()

    @property
    def run_id(self) -> str:
        # Each stretch that begins with an answer has a journal of its own, and must not bear a name that stands in the
        # conversation already. A call whose outcome is unknown goes on with the journal that knows of it.
        stretch = sum(given.kind is not InputKind.UNKNOWN_CALL for given in self.answers.values())
        return f"{self._execution.id}.{self._execution.attempt}" + (f".{stretch}" if stretch else "")

    async def step(
        self,
        name: str,
        call: Callable[[], Awaitable[Any]],
        *,
        repeatable: bool,
        instead: Callable[[str], Awaitable[Any]] | None = None,
    ) -> Any:
        number = self._asked[name]
        self._asked[name] += 1
        known = await self._load()
        full = f"{name}#{number}"
        found = known.get(full)
        if found is not None and found.result is not None:
            return json.loads(found.result)
        if found is not None and not repeatable:
            told = await self._told(full, known, name.rpartition(":")[2])
            if told is not None:
                return await self._keep(found, told if instead is None else await instead(told))
        await stands()
        step = found or Step(n=len(known), name=full)
        known[full] = step
        if not repeatable:
            await self._record(step)
        return await self._keep(step, await call())

    async def _told(self, full: str, known: dict[str, Step], tool: str) -> str | None:
        """What a person says of a call whose outcome is unknown; None: it is to be made again. A yes is good for one
        call, and is written down before it: the scheduler may die in the midst of that one too."""
        key = f"{full}~{sum(name.startswith(f'{full}~') for name in known)}"
        given = self.answers.get(key)
        if given is None:
            raise StepUnknown(
                f"{tool} had been called when the scheduler died, and what came of it is unknown: approve to call it "
                "again, deny to leave it, or answer with what came of it",
                key=key,
                tool=tool,
            )
        if given.decision is Decision.ANSWERED:
            return given.answer or ""
        if given.decision is Decision.DENIED:
            why = f" ({given.answer})" if given.answer else ""
            return f"What came of this call is unknown, and it is not made again{why}."
        known[key] = Step(n=len(known), name=key)
        await self._record(known[key])
        return None

    async def _keep(self, step: Step, answer: Any) -> Any:
        text = json.dumps(self._redactor.said_value(answer), ensure_ascii=False, separators=(",", ":"))
        await self._record(Step(n=step.n, name=step.name, result=text))
        return answer

    async def _load(self) -> dict[str, Step]:
        if self._known is None:
            found = await _answered(lambda: self._journal.load_steps(self._execution.id, self._execution.attempt))
            self._known = {step.name: step for step in found}
        return self._known

    async def _record(self, step: Step) -> None:
        execution = self._execution
        record = self._journal.record_step
        if not await _answered(lambda: record(execution.id, execution.fence, execution.attempt, step)):
            raise AgentError("the execution belongs to another scheduler", kind="fenced")


async def _answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What the journal says, once it can be asked: what was paid for is not lost to a store that fails for a moment.
    The deadline of the run ends the wait."""
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY)


def steps_of(journal: Journal, execution: Execution, spec: JobSpec, redactor: Redactor) -> JournaledSteps | None:
    """The steps of an execution that may go on after a crash; None for all others, which pay nothing for it."""
    return JournaledSteps(journal, execution, redactor) if spec.on_interrupt is _RESUME else None
