"""Who made a job, as its ``made_by`` says: an agent of a name, or a run of a job."""

from __future__ import annotations

from typing import Final

from agentcron.errors import InvalidJobError

AGENT: Final = "agent"
JOB: Final = "job"


def by_agent(name: str | None) -> str:
    """Made by an agent outside of runs."""
    return f"{AGENT}:{name}" if name else AGENT


def by_run(job_id: str, execution_id: str) -> str:
    """Made by an execution of a job."""
    return f"{JOB}:{job_id}/{execution_id}"


def check_maker(made_by: str | None) -> None:
    """Raises ``InvalidJobError`` for what is no text: a NUL ends it early in one store and not in another, half of a
    surrogate pair is written by none."""
    if made_by is not None and not can_be_kept(made_by):
        raise InvalidJobError("made_by: holds a NUL character or half of a surrogate pair", field="made_by")


def can_be_kept(made_by: str) -> bool:
    """Whether every store keeps this text as it is."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in made_by)


def maker_of(made_by: str | None) -> str | None:
    """Whose limits hold for the job: all runs of one job are one maker. None: no agent made it."""
    if made_by is None or made_by.partition(":")[0] not in (AGENT, JOB):
        return None
    return made_by.rpartition("/")[0] if made_by.startswith(f"{JOB}:") else made_by


def runs_of(maker: str) -> str | None:
    """What ``made_by`` of that maker's jobs begins with, up to the execution; None for an agent, who is all of it."""
    return f"{maker}/" if maker.startswith(f"{JOB}:") else None


def making_job(made_by: str | None) -> str | None:
    """The id of the job whose run made it; None where no run did."""
    maker = maker_of(made_by)
    return maker.removeprefix(f"{JOB}:") if maker is not None and maker.startswith(f"{JOB}:") else None
