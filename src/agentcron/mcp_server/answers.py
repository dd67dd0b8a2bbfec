"""What the tools answer: small typed values that a model can read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

# The one of the standard library is refused by pydantic before Python 3.12.
from typing_extensions import TypedDict

from agentcron.domain.model import Execution, Job
from agentcron.wire import instant

LONGEST_TEXT: Final = 2000


class Preview(TypedDict):
    """What a schedule means."""

    description: str
    timezone: str
    next_runs: list[str]


class JobAnswer(TypedDict):
    """A job in short; instants are ISO 8601 in the job's zone."""

    id: str
    name: str
    status: str
    schedule: str
    timezone: str
    agent: str
    prompt: str
    next_runs: list[str]


class RunAnswer(TypedDict):
    """A run in short; instants are ISO 8601 in UTC."""

    id: str
    job_id: str
    status: str
    reason: str | None
    scheduled_for: str | None
    start_time: str | None
    end_time: str | None
    result: str | None
    error: str | None


class Deleted(TypedDict):
    """What is gone."""

    id: str
    name: str
    deleted: bool


class Why(TypedDict):
    """What became of a slot, in a sentence."""

    sentence: str
    status: str | None
    next_slot: str | None


def job_answer(job: Job, slots: Sequence[datetime]) -> JobAnswer:
    """A job with its next times."""
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status.value,
        "schedule": job.schedule.describe(),
        "timezone": job.timezone,
        "agent": job.agent,
        "prompt": short(job.prompt) or "",
        "next_runs": [str(instant(slot, job.timezone)) for slot in slots],
    }


def run_answer(run: Execution) -> RunAnswer:
    """A run with its answer or error."""
    return {
        "id": run.id,
        "job_id": run.job_id,
        "status": run.status.value,
        "reason": run.reason,
        "scheduled_for": instant(run.scheduled_for),
        "start_time": instant(run.start_time),
        "end_time": instant(run.end_time),
        "result": short(run.result),
        "error": short(run.error),
    }


def short(text: str | None) -> str | None:
    """What fits into the attention of a model."""
    if text is None or len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}… ({len(text) - LONGEST_TEXT} more characters)"
