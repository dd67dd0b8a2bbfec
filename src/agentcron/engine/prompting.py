"""What a run takes over from the one before it: the last result in its prompt, or the conversation to go on with."""

from __future__ import annotations

from typing import Final

from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.outcomes import Conversation
from agentcron.domain.policies import ConversationMode
from agentcron.domain.prompts import render, wants_last_result
from agentcron.domain.queries import ExecutionFilters
from agentcron.domain.spec import JobSpec
from agentcron.ports import JobStore

_FRESH: Final = ConversationMode.FRESH


def takes_over(spec: JobSpec) -> bool:
    """Whether a run of the job needs more than its prompt as written."""
    return spec.conversation is not _FRESH or "{{" in spec.prompt


async def prompt_of(store: JobStore, execution: Execution, spec: JobSpec) -> str:
    """The prompt as the agent is to get it."""
    last = await _last(store, execution) if wants_last_result(spec) else None
    return render(spec, execution.at, last.result if last is not None else None)


async def conversation_of(store: JobStore, execution: Execution, spec: JobSpec) -> Conversation | None:
    """The conversation that the run goes on with; None where it begins afresh."""
    if spec.conversation is not ConversationMode.CONTINUE:
        return None
    last = await _last(store, execution)
    whole = await store.get_execution(last.id) if last is not None else None
    return whole.conversation if whole is not None else None


async def _last(store: JobStore, execution: Execution) -> Execution | None:
    """The last run of the job that succeeded: what failed is nothing to build on."""
    filters = ExecutionFilters(job_id=execution.job_id, statuses=[ExecutionStatus.SUCCESS])
    found = (await store.list_executions(filters, 1)).items
    return found[0] if found else None
