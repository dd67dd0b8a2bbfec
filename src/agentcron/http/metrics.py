"""Figures for Prometheus, of what this process did since it began, and of the store as it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from agentcron.delivery.endpoints import HEARTBEAT
from agentcron.domain.letters import Letter, LetterStatus
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.statistics import JobStatistics
from agentcron.http.observed import Happening, ObservedStore

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Each job is a series of its own; a store with many would make Prometheus pay for all of them.
MOST_JOBS: Final = 500
_DURATIONS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)
_DELAYS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 600)


class Metrics:
    """Counts what an ``ObservedStore`` tells; names as in the documentation. ``kinds`` answers the kind of each
    endpoint by its name."""

    def __init__(self, store: ObservedStore, kinds: Callable[[], Mapping[str, str]]) -> None:
        self._store = store
        self._kinds = kinds
        self._registry = registry = CollectorRegistry()
        self._jobs_seen: set[str] = set()
        self._runs = Counter("agentcron_runs", "Runs that ended.", ("job", "status", "trigger"), registry=registry)
        self._duration = Histogram(
            "agentcron_run_duration_seconds", "How long runs took.", buckets=_DURATIONS, registry=registry
        )
        self._delay = Histogram(
            "agentcron_schedule_delay_seconds", "Start minus due.", buckets=_DELAYS, registry=registry
        )
        self._missed = Counter("agentcron_ticks_missed", "Slots that were missed.", ("reason",), registry=registry)
        self._jobs = Gauge("agentcron_jobs", "Jobs of each status.", ("state",), registry=registry)
        self._running = Gauge("agentcron_runs_running", "Executions that run.", registry=registry)
        self._tick = Gauge(
            "agentcron_last_tick_timestamp_seconds", "When what is due was last read.", registry=registry
        )
        self._lag = Gauge("agentcron_event_loop_lag_seconds", "How late this process gets to work.", registry=registry)
        self._errors = Gauge("agentcron_store_errors_total", "Failures of the store.", ("op",), registry=registry)
        self._tokens = Counter("agentcron_tokens", "Tokens of runs that ended.", ("kind",), registry=registry)
        self._deliveries = Counter(
            "agentcron_deliveries",
            "Tries to tell somebody, by what became of them.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._waiting = Gauge("agentcron_letters_waiting", "Letters that wait.", ("endpoint",), registry=registry)
        self._cost = Counter("agentcron_cost_usd", "Known costs of runs that ended, US dollars.", registry=registry)

    def listen(self, happened: Sequence[Happening]) -> None:
        """Count what happened."""
        for one in happened:
            if one.letter is not None:
                self._tried(one.letter)
            if one.execution is None:
                continue
            if one.ended:
                self._ended(one.execution)
            elif one.execution.status is ExecutionStatus.RUNNING and one.execution.attempt <= 1:
                self._begun(one.execution)

    def text(self, figures: JobStatistics, waiting: Mapping[str, int], now: float, lag: float) -> bytes:
        """The exposition; ``waiting`` are the letters of each endpoint, ``now`` is seconds since the epoch, ``lag``
        that of the event loop in seconds."""
        for status, count in figures.jobs_by_status.items():
            self._jobs.labels(status.value).set(count)
        self._running.set(figures.executions_by_status.get(ExecutionStatus.RUNNING, 0))
        self._lag.set(lag)
        self._waiting.clear()
        for endpoint in (name for name, kind in self._kinds().items() if kind != HEARTBEAT):
            self._waiting.labels(endpoint).set(0)
        for endpoint, count in waiting.items():
            self._waiting.labels(endpoint).set(count)
        if self._store.evaluated is not None:
            self._tick.set(now - (time.monotonic() - self._store.evaluated))
        for name, count in self._store.errors.items():
            self._errors.labels(name).set(count)
        return generate_latest(self._registry)

    def _tried(self, letter: Letter) -> None:
        # One that waits and has no error is tried afresh by a person: no try of ours.
        again = "retried" if letter.error is not None else None
        outcome = {LetterStatus.SENT: "sent", LetterStatus.FAILED: "given_up"}.get(letter.status, again)
        if outcome is not None:
            self._deliveries.labels(self._kinds().get(letter.target, "unknown"), outcome).inc()

    def _begun(self, run: Execution) -> None:
        if run.scheduled_for is not None and run.start_time is not None and not run.caught_up:
            self._delay.observe(max(0.0, (run.start_time - run.scheduled_for).total_seconds()))

    def _ended(self, run: Execution) -> None:
        if run.status is ExecutionStatus.MISSED:
            self._missed.labels(run.reason or "unknown").inc(run.slots)
        if not run.ran:
            return
        self._runs.labels(self._label(run.job_id), run.status.value, "manual" if run.manual else "schedule").inc()
        if run.duration is not None:
            self._duration.observe(max(0.0, run.duration.total_seconds()))
        if run.usage is not None:
            self._tokens.labels("input").inc(run.usage.input_tokens)
            self._tokens.labels("output").inc(run.usage.output_tokens)
        self._cost.inc(max(0.0, float(run.cost_usd or 0)))

    def _label(self, job_id: str) -> str:
        if len(self._jobs_seen) < MOST_JOBS:
            self._jobs_seen.add(job_id)
        return job_id if job_id in self._jobs_seen else "other"
