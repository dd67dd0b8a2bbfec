"""The command that tells what runs used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from agentcron.cli.session import Session, command
from agentcron.domain.usage import MAX_DAYS, PREFIXES, UsageLine
from agentcron.wire import usage_object

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

_WIDTH: Final = 24


@command("usage")
@click.option("--by", type=click.Choice(list(PREFIXES)), default="job", show_default=True, help="What to add up.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=30, show_default=True, help="So many days, UTC.")
def usage_command(session: Session, by: str, days: int) -> None:
    """What runs used: tokens and money by job, agent definition (model), tag or day, read from hourly sums.

    Example: agentcron usage --by day --days 7
    """

    async def work(plugin: BackgroundJobsPlugin) -> tuple[list[UsageLine], str]:
        lines = await plugin.get_usage(by, days)
        none = "nothing yet"
        # Of runs there is always an agent, which they are counted by.
        if not lines and await plugin.get_usage("agent", days):
            none = f"no {by} of the last {days} days told tokens or a cost; 'agentcron usage --by agent' counts runs"
        return lines, none

    lines, none = session.call(work)
    session.emit([usage_object(line) for line in lines], lambda: _table(session, by, lines, none))


def _table(session: Session, by: str, lines: list[UsageLine], none: str) -> str:
    money = any(line.amount.cost_usd for line in lines)
    sizes = [float(line.amount.cost_usd) if money else float(line.amount.tokens) for line in lines]
    most = max(sizes, default=0.0) or 1.0
    rows = [
        (
            line.name,
            str(line.amount.runs),
            f"{line.amount.tokens:,}",
            f"${line.amount.cost_usd:.4f}",
            "#" * round(size / most * _WIDTH),
        )
        for line, size in zip(lines, sizes, strict=True)
    ]
    return session.table((by.upper(), "RUNS", "TOKENS", "COST", "COST" if money else "TOKENS"), rows, none)
