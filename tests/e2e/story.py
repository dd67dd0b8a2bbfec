"""A store with six weeks behind it: a small team's jobs, lived through on a clock that is moved on from run to run."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from agentcron import AgentFactoryPlugin, AgentOutcome, BackgroundJobsPlugin, RunContext, SqliteStorage, Usage
from agentcron.domain.outcomes import Conversation, CostBasis
from agentcron.errors import AgentError
from agentcron.testing import FakeClock

DAYS = 30
# Name, schedule, zone, agent, tags, seconds that a run takes, how often it goes wrong, prompt, answer.
JOBS: list[tuple[str, str, str, str, list[str], int, float, str, str]] = [
    ("morning brief", "0 7 * * MON-FRI", "Europe/Berlin", "writer", ["daily", "team"], 48, 0.02,
     ("Read the calendar, the open pull requests and yesterday's incidents, and write the brief for today: "
     "five lines at most, the most urgent first."),
     ("1. The release branch is cut at 15:00; two pull requests still wait for a review.\n"
     "2. Payments: the retry storm of last night is over, its follow-up is due today.\n"
     "3. Ann and Li are away; Sam has the pager.")),
    ("triage new issues", "0 8-18 * * MON-FRI", "America/New_York", "triager", ["github"], 22, 0.03,
     "Label each issue that was opened since {{last_result}}, and ask for what is missing.",
     "3 issues labelled, 1 asked for a way to reproduce it."),
    ("nightly code review", "30 2 * * *", "Europe/Berlin", "coder", ["github", "nightly"], 540, 0.07,
     "Review what was merged since yesterday. Run the tests of what it touches. Report real problems only.",
     "Reviewed 14 commits. One real problem: `settle()` swallows the error of a closed store (storage/pool.py:88)."),
    ("watch the status pages", "every 1h", "UTC", "watcher", ["ops"], 4, 0.015,
     "Has one of our providers an open incident? Answer OK if not.", "OK"),
    ("dependency updates", "0 6 * * MON", "Europe/Berlin", "coder", ["github", "weekly"], 900, 0.0,
     "Update what has a security fix, run the tests, and open one pull request.",
     "Updated 3 packages; the tests pass. Opened a pull request."),
    ("weekly report", "0 16 * * FRI", "Europe/London", "writer", ["weekly", "team"], 95, 0.0,
     "Summarise the week for the team from the daily briefs and the closed issues.",
     "A calm week: 31 issues closed, two releases, one incident of 12 minutes."),
    ("inbox zero for support", "0 */2 * * *", "Asia/Tokyo", "triager", ["support"], 35, 0.05,
     "Draft an answer to each new mail. Never send one.", "4 drafts are waiting for a person."),
    ("translate the changelog", "0 5 1 * *", "UTC", "writer", ["monthly"], 75, 0.0,
     "Translate what is new in the changelog into German and Japanese.", "Translated 18 entries."),
    ("check backups restore", "15 4 * * *", "UTC", "watcher", ["ops", "nightly"], 130, 0.25,
     "Restore last night's backup into a scratch database and count its rows.",
     "Restored in 118 s; 2,401,882 rows, as expected."),
]  # fmt: skip
WRONG = (
    AgentError("the provider answered 529 overloaded, three times", kind="provider"),
    AgentOutcome(failed="the scratch database was not reachable"),
    AgentOutcome(output="I cannot do this without access to the mailbox.", failed="refused: no access to the mailbox"),
)
PRICES = {"writer": 900, "triager": 250, "coder": 5200, "watcher": 60}


def live(folder: Path) -> None:
    """Fill ``store.sqlite`` of the folder with all that happened until now."""
    logging.disable(logging.CRITICAL)
    asyncio.run(_live(folder / "store.sqlite"))


async def _live(path: Path) -> None:
    dice, end = random.Random(7), datetime.now(UTC)
    clock = FakeClock(end - timedelta(days=DAYS))
    # A job goes on to the last moment; what it does after that is the server's business.
    agents = {name: {"kind": "python", "callable": _agent(name, clock, dice)} for name in PRICES}
    plugin = BackgroundJobsPlugin(
        storage_plugin=SqliteStorage(path), agent_factory=AgentFactoryPlugin(agents, "writer", 4), clock=clock
    )
    for name, schedule, zone, agent, tags, _, _, prompt, _ in JOBS:
        options: dict[str, Any] = {} if schedule.startswith("every") else {"timezone": zone}
        await plugin.create_job(
            name, schedule, prompt, agent=agent, tags=tags, timeout="20m", pause_after_failures=0, **options
        )
    await plugin.create_job(
        "close stale issues", "0 10 * * *", "Close what nobody answered in 60 days.", agent="triager",
        tags=["github"], timezone="America/New_York", max_runs=20,
    )  # fmt: skip
    while True:
        due = [job.next_run for job in await plugin.get_jobs() if job.next_run is not None]
        if not due or min(due) >= end - timedelta(minutes=1):
            break
        clock.set(max(min(due), clock.now()))
        if 17 * 24 < (end - clock.now()).total_seconds() / 3600 < 17 * 24 + 9:
            # One night nobody was up.
            clock.set(clock.now() + timedelta(hours=9))
        await plugin.force_evaluation()
    clock.set(end)
    await plugin.pause_job((await plugin.find_job("translate the changelog")).id)
    await plugin.close()


def _agent(name: str, clock: FakeClock, dice: random.Random) -> Callable[[str, RunContext], Any]:
    async def act(prompt: str, context: RunContext) -> AgentOutcome:
        job = next((one for one in JOBS if one[0] == context.job_name), JOBS[1])
        took = job[5] * dice.lognormvariate(0, 0.35)
        clock.set(clock.now() + timedelta(seconds=took))
        if dice.random() < job[6]:
            wrong = dice.choice(WRONG)
            if isinstance(wrong, AgentError):
                raise wrong
            return wrong
        tokens = int(PRICES[name] * dice.lognormvariate(0, 0.4))
        usage = Usage(
            input_tokens=tokens * 4, output_tokens=tokens, cached_tokens=tokens * 2, requests=1 + tokens // 900,
            tool_calls=tokens // 400,
        )  # fmt: skip
        return AgentOutcome(
            output=job[8],
            usage=usage,
            cost_usd=Decimal(tokens * 9) / 1_000_000,
            cost_basis=CostBasis.REPORTED,
            conversation=Conversation(kind=name, format="acp", format_version=1, native=_talk(prompt, job[8])),
        )

    return act


def _talk(prompt: str, answer: str) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "parts": [
            {"role": "assistant", "text": "I will look at what happened since the last run."},
            {"role": "tool", "tool": "list_changes", "args": {"since": "yesterday", "limit": 50},
             "result": [{"id": 4711, "title": "Retry less eagerly"}, {"id": 4713, "title": "Close the pool first"}]},
            {"role": "assistant", "text": answer},
        ],
    }  # fmt: skip


if __name__ == "__main__":
    live(Path(sys.argv[1]))
