"""How a run that waits for a person goes on: with the answers, or without any once their time is over."""

from __future__ import annotations

from agentcron.agent_ports import GoingOn
from agentcron.domain.model import Execution
from agentcron.domain.parking import abandoned, given_by_nobody
from agentcron.domain.settling import settle
from agentcron.domain.spec import JobSpec
from agentcron.engine.settler import Settler
from agentcron.engine.steps import JournaledSteps
from agentcron.observability import Log
from agentcron.ports import Clock, JobStore, RunContext


async def going_on(store: JobStore, execution: Execution, context: RunContext) -> RunContext:
    """The context with the answers that this attempt was given, and with what was said before; a retry begins afresh
    and may ask again."""
    found = await store.list_inputs(execution_id=execution.id, closed=True, limit=1000)
    answers = {one.key: one for one in found if one.attempt == execution.attempt and one.decision is not None}
    if not answers:
        return context
    if isinstance(context.steps, JournaledSteps):
        context.steps.answers = answers
    whole = await store.get_execution(execution.id)
    talk = whole.conversation if whole is not None else None
    return context.evolve(going_on=GoingOn(answers=answers, conversation=talk, usage=execution.usage))


async def expire(
    execution: Execution, spec: JobSpec, store: JobStore, settler: Settler, clock: Clock, log: Log
) -> bool:
    """Do what the job says for a run that nobody answered in time. False: somebody answered, or ended it, first."""
    now = clock.now()
    asked = await store.list_inputs(execution_id=execution.id)
    given = [(one, said) for one in asked if (said := given_by_nobody(one, spec)) is not None]
    if not given:
        return await settler.settle(settle(execution, abandoned(execution, spec), now, spec), spec.name)
    kept = [await store.answer_input(one.id, said, now) for one, said in given]
    log.warning(f"{spec.name}: {execution.id} goes on without a person: {spec.on_expiry} after {spec.input_timeout}")
    return all(kept)
