"""How both databases find some of the jobs, in an order: the SQL, none of which is a person's text.

What is due soonest is read from its index, only as far as the page is long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agentcron.domain.lifecycle import JobStatus
from agentcron.domain.makers import can_be_kept, maker_of, runs_of
from agentcron.domain.plain_text import is_plain
from agentcron.domain.queries import JobFilters, JobOrder
from agentcron.storage.filters import created_between
from agentcron.storage.rows import Row, to_us

Ask = Callable[[str, dict[str, Any]], Awaitable[Sequence[Any]]]

_STATUS: Final = {
    JobStatus.RUNNING: (
        "j.state = 'ACTIVE' AND j.running > 0 "
        "AND j.seq IN (SELECT e.job FROM executions AS e WHERE e.status = 'RUNNING')"
    ),
    JobStatus.WAITING: "j.state = 'ACTIVE' AND j.running = 0",
    JobStatus.PAUSED: "j.state = 'PAUSED'",
    JobStatus.CANCELED: "j.state = 'CANCELED'",
    JobStatus.COMPLETED: "j.state = 'COMPLETED'",
}
_NEVER: Final = "1 = 0"
_WAITS: Final = "j.next_run IS NOT NULL"
_RESTS: Final = "j.next_run IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the databases say differently: how a value is named, that a name holds a text in any case, that a job has a
    tag, and a name without its case."""

    value: str
    named: str
    tagged: str
    folded: str

    def conditions(self, filters: JobFilters) -> tuple[list[str], dict[str, Any]]:
        """What must hold of a row ``j`` of jobs, and the values for it: all but the pattern of an expression."""
        conditions: list[str] = []
        values: dict[str, Any] = {}

        def given(name: str, value: Any) -> str:
            values[name] = value
            return self.value.format(name)

        if filters.status is not None:
            wanted = [f"({_STATUS[status]})" for status in filters.status]
            conditions.append(f"({' OR '.join(wanted)})" if wanted else _NEVER)
        if filters.name_contains is not None:
            part = filters.name_contains.casefold()
            conditions.append(self.named.format(given("part", part)) if _storable(part) else _NEVER)
        if filters.tag is not None:
            conditions.append(self.tagged.format(given("tag", filters.tag)) if _storable(filters.tag) else _NEVER)
        if filters.maker is not None:
            conditions.append(_made(filters.maker, given))
        start, end = created_between(filters)
        if start is not None:
            conditions.append(f"j.created >= {given('created_from', to_us(start))}")
        if end is not None:
            conditions.append(f"j.created <= {given('created_to', to_us(end))}")
        return conditions, values

    async def page(self, ask: Ask, filters: JobFilters, after: int, limit: int) -> Sequence[Row]:
        """Rows of ``job_rows`` in the order of creation, as far as SQL can tell that the filters let them through."""
        conditions, values = self.conditions(filters)
        where = _where([f"j.seq > {self.value.format('after')}", *conditions])
        sized = f"LIMIT {self.value.format('most')}"
        query = f"SELECT j.* FROM job_rows AS j{where} ORDER BY j.seq {sized}"  # noqa: S608
        return await ask(query, {**values, "after": after, "most": limit})

    async def rows(self, ask: Ask, filters: JobFilters, order: JobOrder, limit: int, skip: int) -> list[Row]:
        """Rows of ``job_rows``."""
        conditions, values = self.conditions(filters)

        async def some(more: Sequence[str], by: str, most: int, left_out: int) -> list[Row]:
            sized = f"LIMIT {self.value.format('most')} OFFSET {self.value.format('left_out')}"
            query = f"SELECT j.* FROM job_rows AS j{_where([*conditions, *more])} ORDER BY {by} {sized}"  # noqa: S608
            return list(await ask(query, {**values, "most": most, "left_out": left_out}))

        if order is not JobOrder.NEXT:
            return await some((), self._order(order), limit, skip)
        found = await some([_WAITS], "j.next_run, j.seq", limit, skip)
        if len(found) == limit:
            return found
        if skip and not found:
            count = f"SELECT count(*) FROM jobs AS j{_where([*conditions, _WAITS])}"  # noqa: S608
            skip -= (await ask(count, values))[0][0]
        else:
            skip = 0
        return found + await some([_RESTS], "j.seq", limit - len(found), skip)

    async def counts(self, ask: Ask, filters: JobFilters) -> dict[JobStatus, int]:
        """How many jobs the filters let through of each status, whatever statuses they name."""
        conditions, values = self.conditions(replace(filters, status=None))
        status = "CASE WHEN j.state <> 'ACTIVE' THEN j.state WHEN j.running > 0 THEN 'RUNNING' ELSE 'WAITING' END"
        query = f"SELECT {status}, count(*) FROM jobs AS j{_where(conditions)} GROUP BY 1"  # noqa: S608
        return dict.fromkeys(JobStatus, 0) | {JobStatus(name): count for name, count in await ask(query, values)}

    def _order(self, order: JobOrder) -> str:
        if order is JobOrder.NAME:
            return f"{self.folded}, j.seq"
        if order is JobOrder.LAST:
            return "coalesce(j.last_run, -1) DESC, j.seq"
        return "j.cost DESC, j.seq" if order is JobOrder.COST else "j.seq DESC"


def _storable(text: str) -> bool:
    """Whether a name or a tag can be like that: half of a character, or none at all, is in none of them."""
    return is_plain(text)


def _made(maker: str, given: Callable[[str, str], str]) -> str:
    """Exactly what ``maker_of`` says: one job that is left out here is one more that an agent may make."""
    if not can_be_kept(maker):
        return _NEVER
    runs = runs_of(maker)
    if runs is None:
        return f"j.made_by = {given('maker', maker)}" if maker_of(maker) == maker else _NEVER
    execution = f"substr(j.made_by, {len(runs) + 1})"
    of_job = f"substr(j.made_by, 1, {len(runs)}) = {given('maker', runs)}"
    return f"{of_job} AND replace({execution}, '/', '') = {execution}"


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
