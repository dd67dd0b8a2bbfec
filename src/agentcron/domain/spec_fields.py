"""How each field of a job is read from text or JSON, and written back.

One table serves stored versions, ``update_job``, the command's options and every JSON surface, so that a field
cannot be spelled in two ways. Durations are text (``90s``, ``2h``), instants ISO 8601 with a zone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from agentcron.domain.checks import Expectation, Source, read_expectations, read_sources
from agentcron.domain.limits import NO_LIMITS, Limits, read_limits, write_limits
from agentcron.domain.notify import Notify, read_notify
from agentcron.domain.policies import (
    RETRY_EXAMPLE,
    CatchUp,
    ConversationMode,
    OnExpiry,
    OnInterrupt,
    Overlap,
    RetryPolicy,
)
from agentcron.domain.spec import JobSpec
from agentcron.domain.spending import Budget, read_budgets, write_budget
from agentcron.domain.values import bad, read_mapping, read_names, read_text, read_whole, read_yes_or_no
from agentcron.errors import InvalidJobError, InvalidScheduleError
from agentcron.schedule import (
    CronSchedule,
    EverySchedule,
    OnceSchedule,
    Schedule,
    format_duration,
    parse_duration,
    parse_instant,
    parse_schedule,
    zone,
)
from agentcron.schedule.instants import check_on_clock

SCHEDULE_KEYS: Final = ("cron_expression", "every", "at", "schedule")


def read_spec(values: Mapping[str, Any], *, base: JobSpec | None = None, timezone: str = "UTC") -> JobSpec:
    """A checked ``JobSpec`` of these values, on top of ``base`` where one is given.

    The schedule is one of ``cron_expression``, ``every``, ``at``, or ``schedule`` (any of them as text, or a
    ``Schedule``), read in ``values["timezone"]``, else in ``timezone``. Raises ``InvalidJobError`` and
    ``InvalidScheduleError``, each in one line; schedule errors come first.
    """
    check_fields(values)
    schedule = _read_schedule(values, base, timezone)
    given: dict[str, Any] = {field.name: getattr(base, field.name) for field in fields(JobSpec)} if base else {}
    given["schedule"] = schedule
    for name, value in values.items():
        if (read := _READERS.get(name)) is not None:
            given[name] = read(name, value, schedule.timezone)
    for name in ("name", "prompt"):
        if name not in given:
            raise InvalidJobError(f"{name}: is missing", field=name)
    # With all of them at hand, metadata of its own among them: what every run asks of a spec is found at once.
    spec = JobSpec.whole({**_DEFAULTS, "metadata": {}, **given})
    spec.check()
    return spec


def check_fields(values: Mapping[str, Any]) -> None:
    """Raise ``InvalidJobError``, naming what is near, where one of these is no field of a job."""
    if not values.keys() <= _KNOWN:
        import difflib  # only who is refused something pays for it

        name = next(name for name in values if name not in _KNOWN)
        near = difflib.get_close_matches(name, _KNOWN, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; the fields are {', '.join(sorted(_KNOWN))}"
        raise InvalidJobError(f"{name}: is not a field of a job{hint}", field=name)


def write_spec(spec: JobSpec) -> dict[str, Any]:
    """The JSON object of a spec; ``read_spec`` reads it back to an equal one."""
    values: dict[str, Any] = {"name": spec.name, **write_schedule(spec.schedule)}
    for field in fields(JobSpec):
        if field.name not in ("name", "schedule"):
            values[field.name] = write_field(getattr(spec, field.name))
    return values


def write_changed(spec: JobSpec) -> dict[str, Any]:
    """The JSON object of a spec without the fields that have their defaults; ``read_spec`` reads it back to an equal
    one. It is what a store keeps by the hundred thousand: a default must not change but with a migration that writes
    the former one into what is stored."""
    values: dict[str, Any] = {"name": spec.name, **write_schedule(spec.schedule), "prompt": spec.prompt}
    for name, value in vars(spec).items():
        default = _DEFAULTS.get(name, value)
        if value is not default and value != default:
            values[name] = write_field(value)
    return values


def write_schedule(schedule: Schedule) -> dict[str, Any]:
    """The schedule's part of the JSON object: ``cron_expression`` | ``every`` (+ ``anchor``) | ``at``, and zone."""
    if isinstance(schedule, CronSchedule):
        return {"cron_expression": schedule.expression, "timezone": schedule.timezone}
    if isinstance(schedule, EverySchedule):
        anchor = {"anchor": schedule.anchor.isoformat()} if schedule.anchor else {}
        return {"every": format_duration(schedule.interval), **anchor, "timezone": schedule.timezone}
    if isinstance(schedule, OnceSchedule):
        return {"at": schedule.at.isoformat(), "timezone": schedule.timezone}
    raise InvalidJobError(f"schedule: {type(schedule).__name__} is not a kind of schedule that can be kept")


def _read_schedule(values: Mapping[str, Any], base: JobSpec | None, default_zone: str) -> Schedule:
    given = [key for key in SCHEDULE_KEYS if values.get(key) is not None]
    if len(given) > 1:
        raise InvalidJobError(f"{given[1]}: {given[0]} is given too; a job has one schedule", field=given[1])
    wanted = values.get("timezone")
    if wanted is not None and not isinstance(wanted, str):
        raise InvalidScheduleError(f"timezone: {wanted!r} is not a zone name", kind="bad_timezone", field="timezone")
    if not given:
        if base is None:
            raise InvalidScheduleError(
                "schedule: is missing; give a cron expression, 'every 10m' or 'at 2030-01-01T09:00'"
            )
        return _in_zone(base.schedule, wanted) if wanted else base.schedule
    key, value = given[0], values[given[0]]
    name = wanted or (base.schedule.timezone if base else default_zone)
    zone(name)
    if isinstance(value, CronSchedule | EverySchedule | OnceSchedule):
        return _in_zone(value, wanted) if wanted else value
    if key == "at" and isinstance(value, datetime):
        return OnceSchedule(value, timezone=name)
    if key == "every" and isinstance(value, timedelta):
        return _every(value, values, name)
    if not isinstance(value, str):
        raise InvalidScheduleError(f"{key}: {value!r} is not text", field=key)
    if key == "cron_expression":
        return CronSchedule(value, name)
    if key == "every":
        return _every(parse_duration(value), values, name)
    # Stores keep a single time under this key: one that the zone's clock cannot show is refused to whoever makes or
    # moves a job (``changes``), never to who reads one.
    return OnceSchedule(_parse_instant(value, name), name) if key == "at" else _parse_schedule(value, name)


def _every(interval: timedelta, values: Mapping[str, Any], name: str) -> EverySchedule:
    anchor = values.get("anchor")
    return EverySchedule(interval, parse_instant(anchor, name) if isinstance(anchor, str) else anchor, name)


def _in_zone(schedule: Schedule, name: str) -> Schedule:
    if isinstance(schedule, CronSchedule):
        return CronSchedule(schedule.expression, name)
    if isinstance(schedule, OnceSchedule):
        return OnceSchedule(schedule.at, timezone=name)
    if isinstance(schedule, EverySchedule):
        return EverySchedule(schedule.interval, schedule.anchor, name)
    zone(name)
    return schedule


# A store reads the same few schedules, durations and retry policies for every job.
_parse_schedule = lru_cache(maxsize=4096)(parse_schedule)
_parse_instant = lru_cache(maxsize=1024)(parse_instant)
_parse_duration = lru_cache(maxsize=1024)(parse_duration)


def _duration(name: str, value: Any, _zone: str) -> timedelta:
    """A ``timedelta``, seconds as a number, or text such as ``90s``."""
    if isinstance(value, timedelta):
        return value
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return timedelta(seconds=value)
        if isinstance(value, str):
            return _parse_duration(value)
    except (ValueError, OverflowError):
        pass
    raise bad(name, value, "a duration; write 30s, 5m, 2h or 1d")


def _instant(name: str, value: Any, zone_name: str) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return check_on_clock(value, "UTC", name).astimezone(UTC)
    if isinstance(value, str):
        try:
            return parse_instant(value, zone_name)
        except ValueError:
            pass
    raise bad(name, value, "an instant; write 2030-12-01T09:00, with an offset or in the job's zone")


def _choice(kind: type[StrEnum]) -> Callable[[str, Any, str], StrEnum]:
    def read(name: str, value: Any, _zone: str) -> StrEnum:
        try:
            return kind(value.replace("-", "_").lower() if isinstance(value, str) else value)
        except ValueError:
            raise bad(name, value, f"one of {', '.join(kind)}") from None

    return read


def _retry(name: str, value: Any, zone_name: str) -> RetryPolicy:
    """A ``RetryPolicy``, a number of attempts, a mapping, or text such as ``attempts=3,backoff=10s``."""
    if isinstance(value, RetryPolicy):
        return value
    if isinstance(value, str) and "=" in value:
        value = dict(part.strip().split("=", 1) for part in value.split(",") if "=" in part)
    if not isinstance(value, Mapping):
        return RetryPolicy(attempts=read_whole(name, value, zone_name))
    try:
        return _retry_of(name, tuple(value.items()), zone_name)
    except TypeError:
        raise bad(name, value, f"a retry policy; write {RETRY_EXAMPLE}") from None


@lru_cache(maxsize=1024)
def _retry_of(name: str, items: tuple[tuple[str, Any], ...], zone_name: str) -> RetryPolicy:
    known = [field.name for field in fields(RetryPolicy)]
    read: dict[str, Any] = {}
    for key, part in items:
        if key not in known:
            raise InvalidJobError(f"{name}: {key!r} is not one of {', '.join(known)}", field=name)
        label = f"{name}.{key}"
        if key in ("backoff", "max_backoff"):
            read[key] = _duration(label, part, zone_name)
        elif key in ("factor", "jitter"):
            try:
                read[key] = float(part)
            except (TypeError, ValueError):
                raise bad(label, part, "a number") from None
        else:
            read[key] = read_whole(label, part, zone_name)
    return RetryPolicy(**read)


def _limits(name: str, value: Any, _zone: str) -> Limits:
    """``Limits``, a mapping, or text such as ``requests=5,cost_usd=0.10``; "none" takes them back."""
    if not value or value == "none":
        return NO_LIMITS
    try:
        return read_limits(value)
    except ValueError as error:
        raise InvalidJobError(f"{name}{error}", field=name) from None


def _optional(read: Callable[[str, Any, str], Any]) -> Callable[[str, Any, str], Any]:
    return lambda name, value, zone_name: None if value is None else read(name, value, zone_name)


def write_field(value: Any) -> Any:
    """A field's value as the JSON object of a spec holds it."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Limits):
        return write_limits(value)
    if isinstance(value, RetryPolicy):
        return {field.name: write_field(getattr(value, field.name)) for field in fields(RetryPolicy)}
    if isinstance(value, Budget):
        return write_budget(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [str(part) if isinstance(part, Source | Expectation | Notify) else write_field(part) for part in value]
    return value


_READERS: Final[dict[str, Callable[[str, Any, str], Any]]] = {
    "name": read_text,
    "prompt": read_text,
    "agent": read_text,
    "start_at": _optional(_instant),
    "end_at": _optional(_instant),
    "max_runs": _optional(read_whole),
    "jitter": _duration,
    "overlap": _choice(Overlap),
    "catch_up": _choice(CatchUp),
    "catch_up_max": read_whole,
    "catch_up_window": _optional(_duration),
    "misfire_grace": _duration,
    "timeout": _duration,
    "limits": _limits,
    "retry": _retry,
    "on_interrupt": _choice(OnInterrupt),
    "input_timeout": _duration,
    "on_expiry": _choice(OnExpiry),
    "default_answer": _optional(read_text),
    "conversation": _choice(ConversationMode),
    "budgets": lambda name, value, _zone: read_budgets(name, value),
    "pause_after_failures": read_whole,
    "priority": read_whole,
    "queue": _optional(read_text),
    "when_changed": lambda _name, value, _zone: read_sources(value),
    "expect": lambda _name, value, _zone: read_expectations(value),
    "silent": _optional(read_text),
    "notify": lambda name, value, _zone: read_notify(value, name),
    "heartbeat": _optional(read_text),
    "failure_marker": _optional(read_text),
    "may_schedule": read_yes_or_no,
    "metadata": read_mapping,
    "tags": read_names,
}
_KNOWN: Final = frozenset(_READERS) | set(SCHEDULE_KEYS) | {"timezone", "anchor"}
_DEFAULTS: Final[dict[str, Any]] = {
    field.name: {} if field.default is MISSING else field.default
    for field in fields(JobSpec)
    if field.name not in ("name", "schedule", "prompt")
}
