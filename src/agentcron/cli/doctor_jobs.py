"""What is wrong with jobs and runs of a store that can be opened."""

from __future__ import annotations

import zoneinfo
from collections.abc import AsyncIterator, Iterator, Sequence

from agentcron.cli.doctor import Finding
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Job
from agentcron.ports import JobStore


def job_findings(jobs: Sequence[Job]) -> Iterator[Finding]:
    """Zones that this machine does not know."""
    known: dict[str, bool] = {}
    for job in jobs:
        if job.timezone not in known:
            known[job.timezone] = _known(job.timezone)
        if not known[job.timezone]:
            detail = f"{job.name} ({job.id}) is in zone {job.timezone}, which is not known here"
            fix = "pip install --upgrade tzdata, or edit the job's timezone"
            yield Finding(check="zone data", verdict="fail", detail=detail, fix=fix, where=job.id)


async def run_findings(storage: JobStore) -> AsyncIterator[Finding]:
    """Whether a scheduler runs, and what runs or seems to run without one."""
    alive = {node.id for node in await storage.nodes() if node.alive}
    if alive:
        yield Finding(check="scheduler", verdict="ok", detail="is running")
    else:
        yield Finding(check="scheduler", verdict="warn", detail="is not running", fix="agentcron start")
    running = [run for run in await storage.open_executions() if run.status is ExecutionStatus.RUNNING]
    orphans = [run for run in running if run.owner not in alive]
    if orphans:
        some = ", ".join(run.id for run in orphans[:3]) + (", ..." if len(orphans) > 3 else "")
        detail = f"{len(orphans)} runs were cut when their scheduler ended ({some})"
        fix = "a running scheduler settles them within seconds" if alive else "agentcron start settles them"
        yield Finding(check="open runs", verdict="warn", detail=detail, fix=fix, where=orphans[0].id)
    for run in orphans:
        process = await storage.process_of(run.id)
        if process is not None and _lives(process):
            pid = process.partition(":")[0]
            detail = f"process {pid} of run {run.id} outlived its scheduler"
            fix = f"agentcron start ends it before anything else is started; or kill {pid}"
            yield Finding(check="open runs", verdict="warn", detail=detail, fix=fix, where=f"pid {pid}")


def _lives(process: str) -> bool:
    from agentcron.agents.processes import start_time

    pid, _, started = process.partition(":")
    begun = start_time(int(pid))
    # A process that has got the number since began later.
    return begun is not None and abs(begun - float(started)) <= 2


def _known(zone: str) -> bool:
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
