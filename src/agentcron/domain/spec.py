"""What a person wrote when they made a job: the one list of a job's fields.

``create_job``, ``update_job`` and the command's options are made from ``fields(JobSpec)``; how each field is read
from text and JSON is in ``spec_fields``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Final

from agentcron.domain.answers import FAILURE_MARKER, check_marker
from agentcron.domain.checks import CheckKind, Expectation, Source
from agentcron.domain.limits import LIMITS_EXAMPLE, NO_LIMITS, Limits
from agentcron.domain.made import Made
from agentcron.domain.notify import Notify
from agentcron.domain.plain_text import JOINERS, is_plain
from agentcron.domain.policies import (
    CATCH_UP_MAX,
    INPUT_TIMEOUT,
    MISFIRE_GRACE,
    PAUSE_AFTER_FAILURES,
    RETRY_EXAMPLE,
    TIMEOUT,
    CatchUp,
    ConversationMode,
    OnExpiry,
    OnInterrupt,
    Overlap,
    RetryPolicy,
)
from agentcron.domain.spending import BUDGET_EXAMPLE, WINDOWS, Budget, BudgetAction
from agentcron.errors import InvalidJobError
from agentcron.schedule import Schedule, format_duration

DEFAULT_AGENT: Final = "background-job"
MAX_NAME: Final = 200
MAX_PROMPT_BYTES: Final = 1 << 20
MAX_METADATA_BYTES: Final = 64 << 10
MAX_TIMEOUT: Final = timedelta(days=30)
_NONE: Final = timedelta(0)
MAX_INPUT_TIMEOUT: Final = timedelta(days=366)

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}", re.ASCII)


def _field(help_text: str, default: Any) -> Any:
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"help": help_text}, hash=False)
    return field(default=default, metadata={"help": help_text})


def _names(kind: type[Any]) -> str:
    return ", ".join(one.name for one in fields(kind))


@dataclass(frozen=True, kw_only=True)
class JobSpec(Made):
    """Name, schedule, prompt, agent and policies of a job. Immutable: an edit makes a new version.

    ``create_job`` and ``update_job`` take each field as a keyword: durations as ``timedelta`` or text (``90s``,
    ``1h30m``), instants as aware ``datetime`` or ISO 8601, policies as their value's text, ``retry`` as a number of
    attempts or ``attempts=3,backoff=10s`` too, ``limits`` as a mapping or
    ``requests=5,cost_usd=0.10``. At most: a name of 200 characters, a prompt of 1 MiB, metadata of 64 KiB as JSON, a
    timeout of 30 days. Raises ``InvalidJobError`` naming the field that cannot be used.
    """

    name: str = field(metadata={"help": "Name of the job."})
    schedule: Schedule = field(metadata={"help": "When the job is due."})
    prompt: str = field(metadata={"help": "What the agent is told."})
    agent: str = _field("Agent definition that runs the prompt.", DEFAULT_AGENT)
    start_at: datetime | None = _field("No slot before this instant.", None)
    end_at: datetime | None = _field("No slot after this instant.", None)
    max_runs: int | None = _field("Complete the job after this many scheduled runs.", None)
    jitter: timedelta = _field("Spread each start by up to this long (at most half the period).", _NONE)
    overlap: Overlap = _field("What a slot does while an earlier run is open.", Overlap.SKIP)
    catch_up: CatchUp = _field("Which slots run after an outage.", CatchUp.LATEST)
    catch_up_max: int = _field("With catch-up 'all': at most this many slots.", CATCH_UP_MAX)
    catch_up_window: timedelta | None = _field(
        "How late a slot may still be caught up (default: until the next slot, at most 24h; with 'all': 24h).", None
    )
    misfire_grace: timedelta = _field("A slot up to so late is on time.", MISFIRE_GRACE)
    timeout: timedelta = _field("Longest time one run may take.", TIMEOUT)
    limits: Limits = _field(
        f"What one run may use at most, such as {LIMITS_EXAMPLE}; beyond it the run is a FAILURE. "
        f"Known are {_names(Limits)}.",
        NO_LIMITS,
    )
    retry: RetryPolicy = _field(
        f"Attempts and backoff for retryable errors: a number of attempts, or text such as {RETRY_EXAMPLE}. "
        f"Known are {_names(RetryPolicy)}.",
        RetryPolicy(),
    )
    on_interrupt: OnInterrupt = _field("What follows when a crash cut a run.", OnInterrupt.RECORD)
    input_timeout: timedelta = _field("How long a run waits for a person's answer.", INPUT_TIMEOUT)
    on_expiry: OnExpiry = _field("What follows when nobody answered in time.", OnExpiry.ABANDON)
    default_answer: str | None = _field("What a question is answered with, with on_expiry 'answer'.", None)
    conversation: ConversationMode = _field("What a run takes over from the last one.", ConversationMode.FRESH)
    budgets: tuple[Budget, ...] = _field(
        f"The most that its runs may use in a window, such as {BUDGET_EXAMPLE}; several with ';' between. "
        f"Known are {_names(Budget)}; windows {', '.join(map(format_duration, WINDOWS))}; "
        f"actions {', '.join(BudgetAction)}.",
        (),
    )
    pause_after_failures: int = _field(
        "Pause the job after this many failures in a row (0: never).", PAUSE_AFTER_FAILURES
    )
    priority: int = _field("Lower numbers are started first.", 0)
    queue: str | None = _field("Configured queue whose concurrency and priority its runs are held to.", None)
    when_changed: tuple[Source, ...] = _field(
        "Run only where one of these changed since the last success: file:PATH, url:URL, git:PATH#REF, feed:URL, "
        "command:PROGRAM ARGUMENT...",
        (),
    )
    expect: tuple[Expectation, ...] = _field(
        "What must hold after a run, else it is a FAILURE: file:PATH, changed:PATH, regex:EXPRESSION, schema:JSON, "
        "command:PROGRAM ARGUMENT..., url:URL, min_tokens:N, max_tokens:N, min_seconds:N, max_seconds:N.",
        (),
    )
    silent: str | None = _field(
        "An answer whose first or last line this is, or in which regex:EXPRESSION is found, has nothing to tell.", None
    )
    notify: tuple[Notify, ...] | None = _field(
        "Who is told of what, as 'ENDPOINT: EVENT, ...; after N; cooldown DURATION'; 'off': nobody "
        "(default: what the configuration says).",
        None,
    )
    heartbeat: str | None = _field("Endpoint of kind heartbeat that is pinged where a run begins and ends.", None)
    failure_marker: str | None = _field(
        "A first line of the answer that begins so says that the work was not done.", FAILURE_MARKER
    )
    may_schedule: bool = _field("Whether its runs may make jobs with the scheduling tools (yes or no).", False)
    metadata: Mapping[str, Any] = _field("Your own values, kept with the job.", {})
    tags: tuple[str, ...] = _field("Labels to group jobs by.", ())

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise ``InvalidJobError`` where a field cannot be used."""
        _check_text(self)
        _check_stretch(self)
        _check_numbers(self)
        _check_metadata(self)


def looks_first(spec: JobSpec) -> bool:
    """Whether something is looked at before a run may begin, so that a claim alone does not begin it."""
    return bool(spec.when_changed) or (bool(spec.expect) and any(one.kind is CheckKind.CHANGED for one in spec.expect))


def _refuse(name: str, message: str) -> InvalidJobError:
    return InvalidJobError(f"{name}: {message}", field=name)


def _check_text(spec: JobSpec) -> None:
    if not spec.name.strip().strip(JOINERS):
        raise _refuse("name", "is empty; give the job a name")
    if len(spec.name) > MAX_NAME:
        raise _refuse("name", f"has {len(spec.name)} characters; at most {MAX_NAME} are allowed")
    if not is_plain(spec.name):
        raise _refuse("name", "holds a control character or line break; use one line of plain text")
    if not spec.prompt.strip():
        raise _refuse("prompt", "is empty; say what the agent is to do")
    if "\0" in spec.prompt:
        raise _refuse("prompt", "holds a NUL character, which no agent can be given")
    try:
        size = len(spec.prompt.encode())
    except UnicodeEncodeError as error:
        raise _refuse("prompt", f"holds half of a character (a surrogate) at {error.start}; give whole text") from None
    if size > MAX_PROMPT_BYTES:
        raise _refuse("prompt", f"is longer than {MAX_PROMPT_BYTES} bytes; put the text into a file the agent can read")
    if not spec.agent.strip():
        raise _refuse("agent", "is empty; name a definition (agentcron agents lists them)")
    for tag in spec.tags:
        if not _TAG.fullmatch(tag):
            raise _refuse("tags", f"{tag!r} is not a tag; use letters, digits and _ . : / - (at most 64)")
    check_marker("silent", spec.silent)
    check_marker("failure_marker", spec.failure_marker)


def _check_stretch(spec: JobSpec) -> None:
    if spec.start_at is None and spec.end_at is None and not spec.jitter:
        return
    for name in ("start_at", "end_at"):
        instant = getattr(spec, name)
        if instant is not None and instant.tzinfo is None:
            raise _refuse(name, f"{instant.isoformat()} has no time zone; give an aware datetime")
    if spec.start_at is not None and spec.end_at is not None and spec.end_at < spec.start_at:
        raise _refuse("end_at", f"{spec.end_at.isoformat()} is before start_at {spec.start_at.isoformat()}")
    if not spec.jitter:
        return
    period = spec.schedule.period_us()
    if period is not None and spec.jitter > timedelta(microseconds=period) / 2:
        limit = format_duration(timedelta(microseconds=period) / 2)
        raise _refuse(
            "jitter", f"{format_duration(spec.jitter)} is more than half the schedule's period; at most {limit}"
        )


def _check_numbers(spec: JobSpec) -> None:
    for name in ("jitter", "catch_up_window", "misfire_grace"):
        duration = getattr(spec, name)
        if duration is not None and duration < _NONE:
            raise _refuse(name, "is negative; give a duration such as 30s, 5m or 2h")
    if not _NONE < spec.timeout <= MAX_TIMEOUT:
        raise _refuse("timeout", "must be more than 0 and at most 30d")
    if not _NONE < spec.input_timeout <= MAX_INPUT_TIMEOUT:
        raise _refuse("input_timeout", "must be more than 0 and at most 366d")
    if spec.on_expiry is OnExpiry.ANSWER and not (spec.default_answer or "").strip():
        raise _refuse("default_answer", "is missing; with on_expiry 'answer' say what a question is answered with")
    if spec.may_schedule and spec.budgets:
        raise _refuse(
            "may_schedule",
            "goes with no budget of the job alone, which the jobs that its runs make would not "
            "be under; give the job a tag, and the tag the budget",
        )
    if spec.max_runs is not None and spec.max_runs < 1:
        raise _refuse("max_runs", f"{spec.max_runs} is out of range; at least 1")
    if spec.catch_up_max < 1:
        raise _refuse("catch_up_max", f"{spec.catch_up_max} is out of range; at least 1")
    if spec.pause_after_failures < 0:
        raise _refuse("pause_after_failures", f"{spec.pause_after_failures} is out of range; 0 or more")
    if not -1000 <= spec.priority <= 1000:
        raise _refuse("priority", f"{spec.priority} is out of range (-1000 to 1000)")
    _check_retry(spec.retry)


def _check_retry(retry: RetryPolicy) -> None:
    if not 1 <= retry.attempts <= 100:
        raise _refuse("retry", f"attempts {retry.attempts} is out of range (1 to 100)")
    if not 1 <= retry.creation_attempts <= 100:
        raise _refuse("retry", f"creation_attempts {retry.creation_attempts} is out of range (1 to 100)")
    if not 0 <= retry.jitter <= 1:
        raise _refuse("retry", f"jitter {retry.jitter} is out of range (0 to 1)")
    if not 1 <= retry.factor <= 100:
        raise _refuse("retry", f"factor {retry.factor} is out of range (1 to 100)")
    if retry.backoff < _NONE or retry.max_backoff < retry.backoff:
        raise _refuse("retry", "backoff must be 0 or more and at most max_backoff")


def _check_metadata(spec: JobSpec) -> None:
    if not spec.metadata:
        return
    try:
        # Half of a surrogate pair is refused here, since no store can keep it.
        size = len(json.dumps(dict(spec.metadata), allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise _refuse("metadata", f"cannot be written as JSON: {error}") from error
    if not all(isinstance(key, str) for key in spec.metadata):
        raise _refuse("metadata", "keys must be text")
    if size > MAX_METADATA_BYTES:
        raise _refuse("metadata", f"takes {size} bytes as JSON; at most {MAX_METADATA_BYTES} are allowed")
