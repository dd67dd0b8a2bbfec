"""One execution: when, what was asked, what was answered, what was said, what it cost, who was told."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from agentcron.access import Scope
from agentcron.agents.conversation import Message, readable
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.errors import NotFoundError
from agentcron.http.pages import drawing
from agentcron.http.pages.rendering import render
from agentcron.http.pages.routing import back, needs, pages
from agentcron.http.routing import plugin_of
from agentcron.ports import SystemClock

MESSAGES: Final = 200
CHARACTERS: Final = 20_000
TOLD: Final = 50

router = pages()


@router.get("/executions/{execution_id}", **needs(Scope.READ))
async def show_execution(request: Request, execution_id: str) -> Response:
    """An execution by its id or a unique beginning of it."""
    plugin, now = plugin_of(request), SystemClock().now()
    run = await plugin.get_execution(execution_id)
    if run is None:
        raise NotFoundError(f"execution {execution_id!r} is unknown; its history may have been removed by retention")
    job = await plugin.storage.get_job(run.job_id)
    talk = await plugin.get_conversation(run.id)
    messages = readable(talk) if talk is not None else []
    whole = "whole" in request.query_params
    return await render(
        request,
        "execution.html",
        run=run,
        job=job,
        running=run.status is ExecutionStatus.RUNNING,
        asks=[one for one in await plugin.inbox(run.job_id) if one.execution_id == run.id],
        letters=await plugin.outbox(execution_id=run.id, limit=TOLD),
        picture=_picture(run, now),
        waited=_waited(run, now),
        messages=[_shown(one, whole) for one in (messages if whole else messages[:MESSAGES])],
        left=0 if whole else max(len(messages) - MESSAGES, 0),
        cut=not whole and any(len(one.text) > CHARACTERS for one in messages),
    )


def _waited(run: Execution, now: datetime) -> timedelta:
    return max((run.start_time or run.end_time or now) - run.at, timedelta(0))


def _picture(run: Execution, now: datetime) -> Any:
    ran = (run.end_time or now) - run.start_time if run.start_time is not None else None
    return drawing.stretch(_waited(run, now), ran, run.status)


def _shown(message: Message, whole: bool) -> dict[str, Any]:
    text = message.text if whole or len(message.text) <= CHARACTERS else f"{message.text[:CHARACTERS]}…"
    return {
        "role": message.role,
        "text": text,
        "tool": message.tool,
        "args": _json(message.args),
        "result": _json(message.result),
    }


def _json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


@router.post("/executions/{execution_id}/cancel", **needs(Scope.RUN))
async def cancel_execution(request: Request, execution_id: str) -> Response:
    """End it."""
    done = await plugin_of(request).cancel_execution(execution_id)
    return back(request, "ended" if done else "over", f"/executions/{execution_id}")


@router.post("/executions/{execution_id}/retry", **needs(Scope.RUN))
async def run_again(request: Request, execution_id: str) -> Response:
    """Run its job once more, now, and show that run."""
    plugin = plugin_of(request)
    run = await plugin.get_execution(execution_id)
    if run is None:
        raise NotFoundError(f"execution {execution_id!r} is unknown")
    return RedirectResponse(f"/executions/{await plugin.run_job_now(run.job_id)}?said=queued", 303)


@router.post("/outbox/{letter_id}/resend", **needs(Scope.RUN))
async def resend_letter(request: Request, letter_id: str) -> Response:
    """Try a letter that was given up afresh."""
    letter = await plugin_of(request).retry_letter(letter_id)
    return back(request, "resent", f"/jobs/{letter.job_id}")
