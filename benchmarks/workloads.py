"""Which workloads there are: who takes part with which sizes, what is shown, and what is to be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.goals import MACHINE, OURS, Goal, Round, figure, ratio, times_faster


@dataclass(frozen=True)
class Entry:
    """One row of a table: a peer's program, and the sizes that it is given."""

    label: str
    peer: str
    program: str
    sizes: dict[str, Any] = field(default_factory=dict)
    slow: bool = False
    """Takes a minute: the short programme has it in one round only."""


@dataclass(frozen=True)
class Column:
    """A figure of every entry; ``scale`` turns it into the unit of the title."""

    key: str
    title: str
    scale: float = 1.0


@dataclass(frozen=True)
class Workload:
    """A table of the output. ``shown`` is the column of its picture, by which the entries are compared with ours."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    columns: tuple[Column, ...]
    goals: tuple[Goal, ...]
    shown: str


A3_MEMORY: Final = "APScheduler 3, memory, no history"
A3_HISTORY: Final = "APScheduler 3, memory + durable history"
A3_SQLITE: Final = "APScheduler 3, SQLite store"
A4_MEMORY: Final = "APScheduler 4, memory"
A4_SQLITE: Final = "APScheduler 4, SQLite store"
HUEY: Final = "Huey, SQLite"
PROCRASTINATE: Final = "Procrastinate, Postgres"
DBOS: Final = "DBOS, Postgres"
CRONSTABLE: Final = "cronstable, a process a run"
ORIGINAL: Final = "original plugin's design"
LIMITS: Final = Entry(MACHINE, "machine", "limits")

CPU: Final = Column("cpu_us", "CPU us/run")
RSS: Final = Column("rss_mb", "RSS MB")
COMMITS: Final = Column("commits", "commits")
P50: Final = Column("late_p50_s", "start p50 ms", 1e3)
P99: Final = Column("late_p99_s", "start p99 ms", 1e3)
BURST_COLUMNS: Final = (CPU, Column("drain_s", "drained ms", 1e3), P50, P99, COMMITS, RSS)
CREATE_COLUMNS: Final = (Column("cpu_us", "CPU us/job"), Column("per_s", "jobs/s"), COMMITS, RSS)


def burst(jobs: int, places: int = 0, *, peers: bool = False) -> Workload:
    """One-time jobs due in the same second; ``places`` runs at once, 0 for no limit; with slower ``peers`` or not."""
    sizes = {"jobs": jobs, "places": places}
    entries = _beside_apscheduler(sizes)
    if peers:
        entries += _slower(jobs, places)
    at_once = f"{places} at once" if places else "no limit at once"
    name = f"burst-{jobs}" + (f"-by-{places}" if places else "")
    title = f"{jobs:,} one-time jobs due in the same second, {at_once}"
    goals = tuple(_burst_goals(jobs, places, peers))
    return Workload(name, title, (*entries, LIMITS), BURST_COLUMNS, goals, "cpu_us")


def cron_burst(jobs: int) -> Workload:
    """Jobs of one cron schedule due in the same second, no limit at once: each is due again an hour later.

    Only peers that have such schedules take part, with the same one: it is a part of what each run costs.
    """
    sizes = {"jobs": jobs, "hourly": True}
    entries = _beside_apscheduler(sizes)
    if jobs <= 1000:
        entries.append(Entry(A4_MEMORY, "apscheduler4", "burst", sizes))
        entries.append(Entry(A3_SQLITE, "apscheduler3", "burst", {**sizes, "store": "sqlite"}, slow=True))
    title = f"{jobs:,} hourly cron jobs due in the same second, no limit at once"
    return _judged_by_ratios(f"burst-{jobs}-cron", title, entries, jobs)


def pool_burst(jobs: int) -> Workload:
    """One-time jobs due in the same second, as many at once as there are: APScheduler has such a limit in its default
    executor, whose places are threads."""
    entries = _beside_apscheduler({"jobs": jobs, "places": jobs})
    title = f"{jobs:,} one-time jobs due in the same second, {jobs:,} at once, APScheduler's in threads"
    return _judged_by_ratios(f"burst-{jobs}-pool", title, entries, jobs)


def _beside_apscheduler(sizes: dict[str, Any]) -> list[Entry]:
    return [
        Entry(OURS, "ours", "burst", sizes),
        Entry(A3_MEMORY, "apscheduler3", "burst", sizes),
        Entry(A3_HISTORY, "apscheduler3", "burst", {**sizes, "history": True}),
    ]


def _judged_by_ratios(name: str, title: str, entries: list[Entry], jobs: int) -> Workload:
    return Workload(name, title, (*entries, LIMITS), BURST_COLUMNS, (*_drained(), _commits(jobs)), "drain_s")


def _slower(jobs: int, places: int) -> Iterator[Entry]:
    """Peers whose runs are durable by their own design, each with ten at once where it has a limit."""
    sizes, limited = {"jobs": jobs, "places": places}, {"jobs": jobs, "places": places or 10}
    yield Entry(HUEY, "huey", "burst", limited, slow=True)
    if jobs <= 1000:
        yield Entry(A4_MEMORY, "apscheduler4", "burst", sizes)
        yield Entry(A3_SQLITE, "apscheduler3", "burst", {**sizes, "store": "sqlite"}, slow=True)
        yield Entry(DBOS, "dbos", "burst", limited, slow=True)
        yield Entry(CRONSTABLE, "cronstable", "burst", sizes, slow=True)
        yield Entry(ORIGINAL, "original", "burst", limited, slow=True)
    yield Entry(PROCRASTINATE, "procrastinate", "burst", limited, slow=True)


def _burst_goals(jobs: int, places: int, peers: bool) -> Iterator[Goal]:
    yield Goal("CPU us per run (must)", figure("cpu_us"), 80)
    yield Goal("CPU us per run (goal)", figure("cpu_us"), 45)
    yield from _drained()
    if not places:
        yield _commits(jobs)
    if peers:
        yield Goal(f"times faster than {HUEY}", times_faster("drain_s", HUEY), 20, at_least=True)
    if peers and jobs >= 10_000:
        yield Goal(f"times faster than {PROCRASTINATE}", times_faster("drain_s", PROCRASTINATE), 50, at_least=True)


def _drained() -> Iterator[Goal]:
    yield Goal(f"drained, times {A3_MEMORY} (must)", ratio("drain_s", A3_MEMORY), 1.6)
    yield Goal(f"drained, times {A3_MEMORY} (goal)", ratio("drain_s", A3_MEMORY), 1.0)
    yield Goal(f"times faster than {A3_HISTORY}", times_faster("drain_s", A3_HISTORY), 3, at_least=True)


def _commits(jobs: int) -> Goal:
    return Goal("commits", figure("commits"), 10 if jobs <= 1000 else 50)


def reads(jobs: int) -> Workload:
    """Statistics and history are read while a burst runs."""
    entry = Entry(OURS, "ours", "burst", {"jobs": jobs, "reads": True})
    columns = (Column("read_p99_s", "read p99 ms", 1e3), *BURST_COLUMNS)
    goals = (Goal("read p99 ms", lambda told: told[OURS]["read_p99_s"] * 1e3, 250),)
    return Workload(
        f"reads-{jobs}", f"reads while {jobs:,} jobs are due", (entry, LIMITS), columns, goals, "read_p99_s"
    )


def create(jobs: int) -> Workload:
    """One by one, each durable when its call returns."""
    sizes = {"jobs": jobs}
    entries = (
        Entry(OURS, "ours_jobs", "create", sizes),
        Entry("APScheduler 3, memory (not durable)", "apscheduler3", "create", {**sizes, "store": "memory"}),
        Entry(A3_SQLITE, "apscheduler3", "create", sizes),
        Entry(A4_SQLITE, "apscheduler4", "create", sizes),
        Entry(HUEY, "huey", "create", sizes),
        Entry(PROCRASTINATE, "procrastinate", "create", sizes),
        Entry(f"{ORIGINAL} (not durable)", "original", "create", sizes),
        LIMITS,
    )
    goals = (
        Goal("commits per create, at most", figure("commits_per_job"), 1),
        Goal("commits per create, at least", figure("commits_per_job"), 1, at_least=True),
        Goal("CPU us per create", figure("cpu_us"), 200),
        Goal("of the machine's rate of one-row commits", ratio("per_s", MACHINE, "commits_per_s"), 0.8, at_least=True),
    )
    return Workload("create", f"{jobs:,} jobs created one by one", entries, CREATE_COLUMNS, goals, "cpu_us")


def create_at_once(jobs: int, at_once: int) -> Workload:
    entry = Entry(OURS, "ours_jobs", "create", {"jobs": jobs, "at_once": at_once})
    goals = (Goal("durable creates a second", figure("per_s"), 15_000, at_least=True),)
    title = f"{jobs:,} jobs created by {at_once} callers at once"
    return Workload("create-at-once", title, (entry, LIMITS), CREATE_COLUMNS, goals, "cpu_us")


def bulk_import(jobs: int) -> Workload:
    entry = Entry(OURS, "ours_jobs", "bulk_import", {"jobs": jobs})
    bound = 4 * jobs / 100_000
    goals = (
        Goal("seconds", figure("wall_s"), bound),
        Goal("CPU seconds", figure("cpu_s"), bound),
    )
    title = f"{jobs:,} jobs of the original plugin's file validated and imported"
    return Workload("import", title, (entry, LIMITS), CREATE_COLUMNS, goals, "cpu_us")


def size(jobs: int) -> Workload:
    entry = Entry(OURS, "ours_jobs", "size", {"jobs": jobs})
    columns = (
        Column("rss_per_job", "RSS B/job"),
        Column("disk_per_job", "disk B/job"),
        Column("create_cpu_us", "create CPU us"),
        Column("create_ratio", "x of an empty store"),
    )
    goals = (
        Goal("bytes of RSS per idle job", figure("rss_per_job"), 500),
        Goal("bytes on disk per idle job", figure("disk_per_job"), 700),
        Goal("CPU of a create, times that in an empty store", figure("create_ratio"), 1.3),
    )
    return Workload(f"size-{jobs}", f"{jobs:,} idle jobs", (entry,), columns, goals, "disk_per_job")


def cold_start(jobs: int) -> Workload:
    entries = (
        Entry(OURS, "ours_jobs", "cold_start", {"jobs": jobs}),
        Entry(A3_SQLITE, "apscheduler3", "cold_start", {"jobs": jobs}),
        LIMITS,
    )
    columns = (
        Column("first_run_s", "first run ms", 1e3),
        Column("process_s", "process to run ms", 1e3),
        Column("cpu_ms", "CPU ms"),
    )

    def beyond(told: Round) -> float:
        allowed = told[A3_SQLITE]["first_run_s"] + 1 / told[MACHINE]["commits_per_s"]
        return told[OURS]["first_run_s"] / allowed

    goals = (
        Goal(f"first run, times {A3_SQLITE} + one durable commit", beyond, 1.0),
        Goal("CPU ms from the process's start to the first run", figure("cpu_ms"), 250),
    )
    return Workload(
        f"cold-start-{jobs}", f"first run after a start among {jobs:,} jobs", entries, columns, goals, "first_run_s"
    )


def idle(jobs: int, seconds: int) -> Workload:
    sizes = {"jobs": jobs, "seconds": seconds}
    slow = f"{OURS}, looking once a minute"
    entries = (
        Entry(OURS, "ours_jobs", "idle", sizes),
        Entry(slow, "ours_jobs", "idle", {**sizes, "interval_ms": 60_000}),
        Entry(A3_SQLITE, "apscheduler3", "idle", sizes),
    )
    columns = (
        Column("cpu_per_minute_s", "CPU s/minute"),
        Column("start_cpu_s", "CPU s to start"),
        Column("rss_growth_mb", "RSS growth MB"),
    )
    goals = (
        Goal("CPU s per minute", figure("cpu_per_minute_s"), 0.05),
        Goal("CPU s per minute, looking once a minute", figure("cpu_per_minute_s", slow), 0.005),
        Goal("RSS growth MB", figure("rss_growth_mb"), 64),
    )
    return Workload(f"idle-{jobs}", f"idle with {jobs:,} jobs", entries, columns, goals, "cpu_per_minute_s")


def sustained(jobs: int, seconds: int, *, spread: bool) -> Workload:
    sizes = {"jobs": jobs, "seconds": seconds}
    entries = (
        Entry(OURS, "ours", "sustained", {**sizes, "spread": spread}),
        *(() if spread else (Entry(A3_MEMORY, "apscheduler3", "sustained", sizes),)),
        LIMITS,
    )
    columns = (
        CPU,
        Column("core", "of a core"),
        Column("fired", "fired"),
        Column("not_fired", "not fired"),
        P99,
        COMMITS,
    )
    goals = (
        Goal("slots of which the store knows nothing", figure("unaccounted"), 0),
        Goal("slots skipped, merged or missed", figure("not_fired"), 0),
        Goal("of a core", figure("core"), 0.5),
        Goal("late s, p99", figure("late_p99_s"), 0.3),
    )
    title = f"{jobs:,} fires a second for {seconds} s, " + ("one after another" if spread else "all at one instant")
    return Workload(f"sustained-{jobs}" + ("" if spread else "-at-once"), title, entries, columns, goals, "cpu_us")


def history(runs: int) -> Workload:
    entry = Entry(OURS, "ours_history", "history", {"runs": runs, "jobs": 1000})
    columns = (
        Column("last_50_ms", "last 50 of a job ms"),
        Column("newest_50_ms", "newest 50 ms"),
        Column("statistics_ms", "statistics ms"),
        Column("job_statistics_ms", "a job with its own ms"),
        Column("bytes_per_run", "B/run"),
        Column("rss_growth_mb", "RSS growth MB"),
    )
    goals = (
        Goal("last 50 runs of a job, ms", figure("last_50_ms"), 1),
        Goal("overall statistics, ms", figure("statistics_ms"), 1),
        Goal("a job with its statistics and last 50, ms", figure("job_statistics_ms"), 1),
        Goal("bytes per run with its result's text", figure("bytes_per_run"), 300),
        Goal("RSS growth MB", figure("rss_growth_mb"), 10),
    )
    return Workload(f"history-{runs}", f"{runs:,} runs in the history", (entry,), columns, goals, "last_50_ms")


def killed(runs: int) -> Workload:
    entry = Entry(OURS, "ours_history", "killed", {"runs": runs})
    columns = (
        Column("accounted_s", "all accounted s"),
        Column("started_s", "started s"),
        CPU,
        Column("incomplete", "INCOMPLETE"),
        Column("lost", "lost"),
    )
    goals = (
        Goal("open runs of which nothing is known", figure("lost"), 0),
        Goal("seconds until all are accounted for", figure("accounted_s"), 2),
    )
    return Workload(
        f"killed-{runs}", f"kill -9 with {runs:,} open runs", (entry, LIMITS), columns, goals, "accounted_s"
    )


def calendar() -> Workload:
    entries = (
        Entry(OURS, "calendar", "ours"),
        Entry("cronsim", "calendar", "cronsim"),
        Entry("croniter", "calendar", "croniter"),
        Entry("cron-parser (node)", "original", "calendar"),
    )
    columns = (
        Column("utc_per_s", "UTC next/s"),
        Column("dst_per_s", "New York next/s"),
        Column("parse_us", "parse us"),
        Column("cached_us", "cached us"),
    )
    goals = (
        Goal("next fires a second, UTC", figure("utc_per_s"), 400_000, at_least=True),
        Goal("next fires a second, a zone with DST", figure("dst_per_s"), 150_000, at_least=True),
        Goal("us to parse", figure("parse_us"), 20),
        Goal("us for a cached schedule", figure("cached_us"), 1),
    )
    return Workload("calendar", "next fires", entries, columns, goals, "utc_per_s")


def short() -> list[Workload]:
    """What `make bench` runs: minutes."""
    return [
        create(300),
        create_at_once(10_000, 256),
        bulk_import(20_000),
        size(100_000),
        cold_start(1000),
        cold_start(100_000),
        idle(100_000, 10),
        burst(1000, peers=True),
        pool_burst(1000),
        pool_burst(10_000),
        cron_burst(1000),
        cron_burst(10_000),
        burst(1000, 10),
        burst(10_000),
        reads(10_000),
        sustained(10_000, 5, spread=True),
        sustained(10_000, 5, spread=False),
        history(100_000),
        killed(10_000),
        calendar(),
    ]


def full() -> list[Workload]:
    """What `make bench-full` runs: the sizes of the goals."""
    return [
        create(1000),
        create_at_once(50_000, 256),
        bulk_import(100_000),
        size(1_000_000),
        cold_start(1000),
        cold_start(100_000),
        cold_start(1_000_000),
        idle(1_000_000, 60),
        burst(1000, peers=True),
        pool_burst(1000),
        pool_burst(10_000),
        cron_burst(1000),
        cron_burst(10_000),
        burst(1000, 10, peers=True),
        burst(10_000, peers=True),
        burst(10_000, 10),
        reads(10_000),
        sustained(10_000, 30, spread=True),
        sustained(10_000, 30, spread=False),
        history(1_000_000),
        history(10_000_000),
        killed(10_000),
        calendar(),
    ]
