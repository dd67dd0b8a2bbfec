"""How a job's gate and checks read in a terminal."""

from __future__ import annotations

from agentcron.cli.words import when
from agentcron.domain.model import Job
from agentcron.domain.plain_text import plain


def around(job: Job) -> dict[str, str]:
    """What is looked at before a run and after it, where the job asks for it."""
    seen = {mark.source: mark.since for mark in job.marks}
    gate = [f"{one} (seen {when(seen.get(str(one)), job.timezone)})" for one in job.when_changed]
    shown = {"gate": gate, "expect": [str(one) for one in job.expect], "silent": [job.silent] if job.silent else []}
    return {name: plain("; ".join(parts)) for name, parts in shown.items() if parts}


def spared(job: Job) -> list[str]:
    """The line about runs that were not paid for, where there are any."""
    totals = job.totals
    if not totals.gated:
        return []
    about = f", about ${totals.saved_usd:.2f}" if totals.saved_usd is not None else ""
    runs = "1 run" if totals.gated == 1 else f"{totals.gated} runs"
    return [f"  not paid  {runs}, because nothing had changed{about}"]
