"""What a person wrote of a job, read from the job itself: ``job.prompt`` for ``job.spec.prompt``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agentcron.domain.checks import Expectation, Source
from agentcron.domain.limits import Limits
from agentcron.domain.notify import Notify
from agentcron.domain.policies import CatchUp, ConversationMode, OnExpiry, OnInterrupt, Overlap, RetryPolicy
from agentcron.domain.spec import JobSpec
from agentcron.domain.spending import Budget
from agentcron.schedule import Schedule


class Written:
    """The fields of a spec, typed one by one so that editors and checkers know them."""

    spec: JobSpec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def schedule(self) -> Schedule:
        return self.spec.schedule

    @property
    def prompt(self) -> str:
        return self.spec.prompt

    @property
    def agent(self) -> str:
        return self.spec.agent

    @property
    def start_at(self) -> datetime | None:
        return self.spec.start_at

    @property
    def end_at(self) -> datetime | None:
        return self.spec.end_at

    @property
    def max_runs(self) -> int | None:
        return self.spec.max_runs

    @property
    def jitter(self) -> timedelta:
        return self.spec.jitter

    @property
    def overlap(self) -> Overlap:
        return self.spec.overlap

    @property
    def catch_up(self) -> CatchUp:
        return self.spec.catch_up

    @property
    def catch_up_max(self) -> int:
        return self.spec.catch_up_max

    @property
    def catch_up_window(self) -> timedelta | None:
        return self.spec.catch_up_window

    @property
    def misfire_grace(self) -> timedelta:
        return self.spec.misfire_grace

    @property
    def timeout(self) -> timedelta:
        return self.spec.timeout

    @property
    def limits(self) -> Limits:
        return self.spec.limits

    @property
    def retry(self) -> RetryPolicy:
        return self.spec.retry

    @property
    def on_interrupt(self) -> OnInterrupt:
        return self.spec.on_interrupt

    @property
    def input_timeout(self) -> timedelta:
        return self.spec.input_timeout

    @property
    def on_expiry(self) -> OnExpiry:
        return self.spec.on_expiry

    @property
    def default_answer(self) -> str | None:
        return self.spec.default_answer

    @property
    def conversation(self) -> ConversationMode:
        return self.spec.conversation

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return self.spec.budgets

    @property
    def pause_after_failures(self) -> int:
        return self.spec.pause_after_failures

    @property
    def priority(self) -> int:
        return self.spec.priority

    @property
    def queue(self) -> str | None:
        return self.spec.queue

    @property
    def when_changed(self) -> tuple[Source, ...]:
        return self.spec.when_changed

    @property
    def expect(self) -> tuple[Expectation, ...]:
        return self.spec.expect

    @property
    def silent(self) -> str | None:
        return self.spec.silent

    @property
    def notify(self) -> tuple[Notify, ...] | None:
        return self.spec.notify

    @property
    def heartbeat(self) -> str | None:
        return self.spec.heartbeat

    @property
    def failure_marker(self) -> str | None:
        return self.spec.failure_marker

    @property
    def may_schedule(self) -> bool:
        return self.spec.may_schedule

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.spec.metadata

    @property
    def tags(self) -> tuple[str, ...]:
        return self.spec.tags
