"""What runs ask of people, and jobs that wait for a person."""

from __future__ import annotations

import json
from typing import Final

from fastapi import Request, Response

from agentcron.access import Scope
from agentcron.domain.inputs import Input
from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.queries import JobFilters, JobOrder
from agentcron.http.pages.rendering import render
from agentcron.http.pages.routing import back, needs, one, pages, session_of
from agentcron.http.problems import Problem
from agentcron.http.routing import plugin_of

MOST: Final = 100
_ANSWERED: Final = 20
# So many paused jobs are looked through for those that were not paused by a person.
_PAUSED: Final = 1000

router = pages()


@router.get("/inbox", **needs(Scope.READ))
async def show_inbox(request: Request) -> Response:
    """Open questions first, then jobs that were paused by themselves, then what was answered lately."""
    plugin = plugin_of(request)
    found = await plugin.inbox(closed=True, limit=MOST)
    jobs = await plugin.jobs_of({asked.job_id for asked in found})
    names = {key: job.name for key, job in jobs.items()}
    at_rest = await plugin.select_jobs(JobFilters(status=[JobStatus.PAUSED]), JobOrder.NEWEST, _PAUSED)
    paused = [job for job in at_rest.jobs if job.state_reason not in (None, "person")]
    closed = [asked for asked in reversed(found) if not _is_open(asked)]
    return await render(
        request,
        "inbox.html",
        open_=[{"asked": asked, "args": _args(asked)} for asked in found if _is_open(asked)],
        closed=closed[:_ANSWERED],
        paused=paused[:MOST],
        names=names,
    )


def _is_open(asked: Input) -> bool:
    return asked.decision is None and asked.waiting


def _args(asked: Input) -> str | None:
    return None if asked.args is None else json.dumps(asked.args, ensure_ascii=False, indent=2, default=str)


@router.post("/inbox/{input_id}", **needs(Scope.RUN))
async def answer(request: Request, input_id: str) -> Response:
    """Approve, deny or answer, in the name of the token."""
    plugin, form, by = plugin_of(request), request.state.form, session_of(request).token.name
    what, text = one(form, "do"), one(form, "answer").strip()
    if "pick" in form:
        await plugin.answer(input_id, one(form, "pick"), by=by)
    elif what == "approve":
        await plugin.approve(input_id, by=by)
    elif what == "deny":
        await plugin.deny(input_id, text or None, by=by)
    elif what == "answer":
        await plugin.answer(input_id, text, by=by)
    else:
        raise Problem(422, "do: is none of approve, deny, answer")
    return back(request, {"approve": "approved", "deny": "denied"}.get(what, "answered"), "/inbox")
