"""Job filtering: by status, part of the name, cron pattern, and date of creation; what is given must hold together."""

import asyncio
from datetime import UTC, datetime, timedelta

from agentcron import DateRange, JobFilters, JobStatus
from agentcron.testing import create_test_environment


async def main() -> None:
    async with create_test_environment(start=datetime(2026, 1, 1, tzinfo=UTC)) as env:
        for name, schedule in (("Daily report", "0 9 * * *"), ("Monday report", "0 9 * * 1"), ("Backup", "0 2 * * *")):
            await env.plugin.create_job(name, schedule, "Do it")
            env.clock.set(env.clock.now() + timedelta(days=1))

        for filters in (
            JobFilters(status=[JobStatus.WAITING]),
            JobFilters(name_contains="REPORT"),  # in any case
            JobFilters(cron_pattern="0 9"),  # a part of the expression as written
            JobFilters(cron_pattern="00 09 * * MON"),  # or another way to write the same schedule
            JobFilters(date_range=DateRange(start="2026-01-02", end="2026-01-02T12:00:00Z")),
            JobFilters(name_contains="report", cron_pattern="* * *", status=[JobStatus.WAITING]),
        ):
            print([job.name for job in await env.plugin.get_jobs(filters)])


asyncio.run(main())
