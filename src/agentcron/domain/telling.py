"""How an event is put into words: subject and text for people, the body for programs.

The body is one JSON object: ``type`` (the event), ``timestamp``, and ``data`` with ``id``, ``job``, ``execution``,
``questions``, ``reason``, ``subject``, ``text``; docs/notifications.md tells each field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from agentcron.domain.inputs import Input
from agentcron.domain.model import Execution
from agentcron.domain.notify import Event
from agentcron.schedule import on_clock

MAX_RESULT: Final = 4000
MAX_LINE: Final = 300
_TITLES: Final = {
    Event.SUCCESS: "succeeded",
    Event.FAILURE: "failed",
    Event.MISSED: "missed",
    Event.PAUSED: "is paused",
    Event.AWAITING_INPUT: "waits for an answer",
    Event.RECOVERED: "recovered",
}
_PAUSES: Final = {
    "streak": "too many failures in a row",
    "budget": "a budget is used up",
    "approval": "it waits for a person's consent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a letter is about. ``execution`` is the run or the missed slots, ``reason`` why the job is paused."""

    job_id: str
    name: str
    tags: Sequence[str]
    zone: str
    now: datetime
    execution: Execution | None = None
    inputs: Sequence[Input] = ()
    reason: str | None = None


def word(subject: Subject, clean: Callable[[str], str], letter_id: str, event: Event) -> str:
    """The body of the letter of this id, the same at every asking; ``clean`` takes secrets out of a text."""
    subject = _cleaned(subject, clean)
    title = _line(f"{subject.name} {_TITLES[event]}{_detail(subject, event)}", MAX_LINE)
    text = "\n".join(_lines(subject, event))
    data = {
        "id": letter_id,
        "job": {"id": subject.job_id, "name": subject.name, "tags": list(subject.tags)},
        "execution": _execution(subject.execution) if subject.execution is not None else None,
        "questions": [_question(one) for one in subject.inputs],
        "reason": subject.reason,
        "subject": title,
        "text": text,
    }
    body = {"type": event.value, "timestamp": subject.now.isoformat(), "data": data}
    written = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # Half a character (a surrogate) is something that no store and no receiver can take.
    return written.encode("utf-8", "replace").decode()


def _cleaned(subject: Subject, clean: Callable[[str], str]) -> Subject:
    """Whole texts are cleaned before they are shortened: half a secret would not be found."""
    run = subject.execution
    if run is not None:
        run = run.evolve(result=clean(run.result or ""), error=None if run.error is None else clean(run.error))
    return replace(
        subject,
        name=clean(subject.name),
        tags=[clean(tag) for tag in subject.tags],
        execution=run,
        inputs=[
            replace(one, question=clean(one.question), options=tuple(clean(part) for part in one.options))
            for one in subject.inputs
        ],
    )


def _detail(subject: Subject, event: Event) -> str:
    run = subject.execution
    if event is Event.PAUSED:
        return f": {_PAUSES.get(subject.reason or '', subject.reason or '')}"
    if event is Event.MISSED and run is not None:
        return f" {run.slots} slot{'s' if run.slots != 1 else ''} ({run.reason})"
    if event is Event.FAILURE and run is not None:
        return f": {run.error or _status(run)}"
    return ""


def _lines(subject: Subject, event: Event) -> list[str]:
    """What a person reads: what happened, what it said, what to do next."""
    run, zone = subject.execution, subject.zone
    # A letter that waited for its receiver may come after younger ones.
    lines = [f"Job: {subject.name} ({subject.job_id})", f"When: {_when(subject.now, zone)}"]
    if run is not None:
        lines += _run_lines(run, zone)
    if subject.reason is not None:
        lines.append(f"Paused: {_PAUSES.get(subject.reason, subject.reason)}")
    for one in subject.inputs:
        lines.append(f"Asks ({one.id}): {_line(one.question, MAX_LINE)}")
        if one.options:
            lines.append(f"  Options: {', '.join(one.options)}")
    if run is not None and run.result and event is not Event.AWAITING_INPUT:
        lines += ["", _bounded(run.result)[0]]
    return [*lines, "", f"Next: {_next(subject, event)}"]


def _run_lines(run: Execution, zone: str) -> list[str]:
    lines = [f"Status: {_status(run)}"]
    if run.error:
        lines.append(f"Error: {_line(run.error, MAX_LINE)}")
    if run.manual:
        lines.append(f"Run by hand at {_when(run.at, zone)}")
    elif run.last_at is not None:
        lines.append(f"Slots: {run.slots}, {_when(run.at, zone)} to {_when(run.last_at, zone)}")
    else:
        lines.append(f"Scheduled for: {_when(run.at, zone)}")
    if run.duration is not None and run.ran:
        lines.append(f"Took: {run.duration.total_seconds():.1f} s, attempt {run.attempt}")
    used = [f"{run.usage.tokens} tokens"] if run.usage is not None and run.usage.tokens else []
    if run.cost_usd is not None:
        used.append(f"{run.cost_usd:.4f} US dollars ({run.cost_basis.value})")
    if used:
        lines.append(f"Used: {', '.join(used)}")
    return [*lines, f"Execution: {run.id}"]


def _next(subject: Subject, event: Event) -> str:
    run = subject.execution
    if event is Event.AWAITING_INPUT:
        return "agentcron inbox"
    if event is Event.PAUSED:
        return f"agentcron show {subject.job_id}; agentcron resume {subject.job_id}"
    if event is Event.MISSED and run is not None:
        return f"agentcron why {subject.job_id} {run.at.isoformat()}"
    return f"agentcron logs {run.id}" if run is not None else f"agentcron show {subject.job_id}"


def _execution(run: Execution) -> dict[str, Any]:
    result, cut = _bounded(run.result or "")
    return {
        "id": run.id,
        "status": run.status.value,
        "reason": run.reason,
        "manual": run.manual,
        "scheduled_for": _iso(run.scheduled_for),
        "last_scheduled_for": _iso(run.last_scheduled_for),
        "slots": run.slots,
        "attempt": run.attempt,
        "start_time": _iso(run.start_time),
        "end_time": _iso(run.end_time),
        "duration": run.duration.total_seconds() if run.duration is not None else None,
        "agent": run.agent,
        "tokens": run.usage.tokens if run.usage is not None else None,
        "cost_usd": float(run.cost_usd) if run.cost_usd is not None else None,
        "error": run.error,
        "result": result if run.ran else None,
        "result_cut": cut,
        "idempotency_key": run.idempotency_key,
    }


def _question(one: Input) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "question": _bounded(one.question)[0],
        "options": list(one.options),
        "tool": one.tool,
        "expires_at": one.expires_at.isoformat(),
    }


def _status(run: Execution) -> str:
    return run.status.value + (f" ({run.reason})" if run.reason else "")


def _bounded(text: str) -> tuple[str, bool]:
    """The beginning of a text, and whether something of it was left out."""
    return (text, False) if len(text) <= MAX_RESULT else (f"{text[: MAX_RESULT - 1]}…", True)


def _line(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def _when(instant: datetime, zone: str) -> str:
    local = on_clock(instant, zone)
    return f"{local.isoformat(timespec='seconds')} ({zone})"


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant is not None else None
