"""How jobs, executions and answers look as JSON: the same words on every surface.

Instants are ISO 8601 with an offset; measured durations are seconds as numbers, policies are text as ``write_spec``
writes them; money is US dollars as a number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agentcron.domain.explain import Explanation
from agentcron.domain.inputs import Input
from agentcron.domain.letters import Letter
from agentcron.domain.model import Execution, Job
from agentcron.domain.queries import Node
from agentcron.domain.spec_fields import write_spec
from agentcron.domain.statistics import JobStatistics
from agentcron.domain.usage import UsageLine
from agentcron.schedule import on_clock

if TYPE_CHECKING:
    from agentcron.agents.conversation import Message


def job_object(job: Job, next_runs: Sequence[datetime] | None = None) -> dict[str, Any]:
    """A job; with ``next_runs``, those as well, in the job's zone."""
    shown = {
        "id": job.id,
        **write_spec(job.spec),
        "description": job.schedule.describe(),
        "status": job.status.value,
        "state_reason": job.state_reason,
        "version": job.version,
        "created": instant(job.created),
        "next_slot": instant(job.next_slot),
        "next_run": instant(job.next_run),
        "last_run": instant(job.last_run),
        "open": job.open,
        "running": job.running,
        "runs": job.runs,
        "streak": job.streak,
        "made_by": job.made_by,
        "marks": [{"source": mark.source, "value": mark.value, "since": instant(mark.since)} for mark in job.marks],
        "totals": {
            "executions": job.totals.executions,
            "success": job.totals.success,
            "failure": job.totals.failure,
            "incomplete": job.totals.incomplete,
            "error": job.totals.error,
            "skipped": job.totals.skipped,
            "missed": job.totals.missed,
            "tokens": job.totals.tokens,
            "cost_usd": money(job.totals.cost_usd),
            "duration": job.totals.duration.total_seconds(),
            "gated": job.totals.gated,
            "saved_usd": money(job.totals.saved_usd),
        },
    }
    if next_runs is not None:
        shown["next_runs"] = [instant(slot, job.timezone) for slot in next_runs]
    return shown


def execution_object(execution: Execution, job_name: str | None = None) -> dict[str, Any]:
    """An execution without its conversation."""
    usage = execution.usage
    return {
        "id": execution.id,
        "job_id": execution.job_id,
        "job_name": job_name,
        "status": execution.status.value,
        "reason": execution.reason,
        "scheduled_for": instant(execution.scheduled_for),
        "last_scheduled_for": instant(execution.last_scheduled_for),
        "slots": execution.slots,
        "manual": execution.manual,
        "attempt": execution.attempt,
        "retries": execution.retries,
        "start_time": instant(execution.start_time),
        "end_time": instant(execution.end_time),
        "duration": execution.duration.total_seconds() if execution.duration is not None else None,
        "agent": execution.agent,
        "agent_id": execution.agent_id,
        "prompt": execution.prompt,
        "result": execution.result,
        "error": execution.error,
        "gate": execution.findings.gate if execution.findings is not None else None,
        "silent": execution.silent,
        "trace_id": execution.trace_id,
        "usage": None
        if usage is None
        else {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            "requests": usage.requests,
            "tool_calls": usage.tool_calls,
        },
        "cost_usd": money(execution.cost_usd),
        "cost_basis": execution.cost_basis.value,
        "idempotency_key": execution.idempotency_key,
        "version": execution.version,
    }


def usage_object(line: UsageLine) -> dict[str, Any]:
    """What the runs of one job, agent, tag or day used."""
    used = line.amount
    return {
        "key": line.key,
        "name": line.name,
        "runs": used.runs,
        "tokens": used.tokens,
        "cost_usd": money(used.cost_usd),
    }


def explanation_object(explanation: Explanation, job: Job) -> dict[str, Any]:
    """What became of a slot."""
    row = explanation.execution
    return {
        "job_id": explanation.job_id,
        "at": instant(explanation.at),
        "slot": instant(explanation.slot),
        "sentence": explanation.sentence,
        "status": row.status.value if row is not None else None,
        "reason": row.reason if row is not None else None,
        "policy": dataclasses.asdict(explanation.policy) if explanation.policy is not None else None,
        "execution": execution_object(row, job.name) if row is not None else None,
        "next_slot": instant(explanation.next_slot),
    }


def input_object(asked: Input, job_name: str | None = None) -> dict[str, Any]:
    """What a run asks, or asked, of a person."""
    return {
        "id": asked.id,
        "job_id": asked.job_id,
        "job_name": job_name,
        "execution_id": asked.execution_id,
        "kind": asked.kind.value,
        "question": asked.question,
        "options": list(asked.options),
        "tool": asked.tool,
        "args": asked.args,
        "asked_at": instant(asked.asked_at),
        "expires_at": instant(asked.expires_at),
        "waiting": asked.waiting,
        "decision": asked.decision.value if asked.decision is not None else None,
        "answer": asked.answer,
        "answered_by": asked.answered_by,
        "answered_at": instant(asked.answered_at),
    }


def letter_object(letter: Letter, job_name: str | None = None) -> dict[str, Any]:
    """What was, or is to be, told to one endpoint; its whole text goes to the endpoint alone."""
    return {
        "id": letter.id,
        "job_id": letter.job_id,
        "job_name": job_name,
        "execution_id": letter.execution_id,
        "event": letter.event.value,
        "target": letter.target,
        "status": letter.status.value,
        "tries": letter.tries,
        "created": instant(letter.created),
        "wake_at": instant(letter.wake_at),
        "ended_at": instant(letter.ended_at),
        "error": letter.error,
        "subject": letter.subject,
    }


def message_object(message: Message) -> dict[str, Any]:
    """One message of a conversation as JSON."""
    return {
        "role": message.role,
        "text": message.text,
        "tool": message.tool,
        "args": message.args,
        "result": message.result,
    }


def node_object(node: Node) -> dict[str, Any]:
    """A process that runs, or ran, jobs."""
    return {
        "id": node.id,
        "host": node.host,
        "pid": node.pid,
        "version": node.version,
        "alive": node.alive,
        "started_at": instant(node.started_at),
        "seen_at": instant(node.seen_at),
        "lease_until": instant(node.lease_until),
        "stopped_at": instant(node.stopped_at),
    }


def statistics_object(figures: JobStatistics) -> dict[str, Any]:
    """Figures over all jobs."""
    return {
        "total_jobs": figures.total_jobs,
        "jobs_by_status": {status.value: count for status, count in figures.jobs_by_status.items()},
        "running_jobs": figures.running_jobs,
        "total_executions": figures.total_executions,
        "executions_by_status": {status.value: count for status, count in figures.executions_by_status.items()},
        "success_rate": figures.success_rate,
        "mean_duration": figures.mean_duration.total_seconds() if figures.mean_duration is not None else None,
        "p95_duration": figures.p95_duration.total_seconds() if figures.p95_duration is not None else None,
        "tokens": figures.tokens,
        "cost_usd": money(figures.cost_usd),
        "gated": figures.gated,
        "saved_usd": money(figures.saved_usd),
    }


def instant(value: datetime | None, zone: str | None = None) -> str | None:
    """ISO 8601 with an offset, in UTC unless a zone is named."""
    if value is None:
        return None
    return (on_clock(value, zone) if zone else value).isoformat()


def money(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
