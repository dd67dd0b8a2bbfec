"""How the API describes itself: OpenAPI made from what it answers with and what the facade reads.

The words of an answer come from ``wire`` itself, by rendering a bare value; the words of a request from ``JobSpec``.
Only the types are kept here, so a field that is added elsewhere is described without being repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agentcron.domain.explain import Explanation
from agentcron.domain.inputs import InputKind
from agentcron.domain.letters import LetterStatus
from agentcron.domain.lifecycle import ExecutionStatus, JobStatus
from agentcron.domain.model import Execution, Job
from agentcron.domain.notify import Event
from agentcron.domain.outcomes import Usage
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import SCHEDULE_KEYS
from agentcron.domain.statistics import JobStatistics
from agentcron.schedule import CronSchedule
from agentcron.wire import execution_object, explanation_object, job_object, statistics_object

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_WHOLE: Final[Schema] = {"type": "integer"}
_NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
_WHEN: Final[Schema] = {"type": "string", "format": "date-time"}
_WHEN_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_RUN_STATUS: Final[Schema] = {"type": "string", "enum": [status.value for status in ExecutionStatus]}
_NULLABLE: Final = frozenset(
    {
        "state_reason",
        "made_by",
        "job_name",
        "reason",
        "agent_id",
        "trace_id",
        "prompt",
        "result",
        "error",
        "failure_marker",
        "agent",
        "policy",
    }
)
_INSTANTS: Final = frozenset({"created", "at"})
_MAYBE_INSTANTS: Final = frozenset(
    {"next_slot", "next_run", "last_run", "scheduled_for", "last_scheduled_for", "start_time", "end_time", "slot"}
)
_MONEY: Final = frozenset({"cost_usd", "duration", "success_rate", "mean_duration", "p95_duration"})
# Fields that can name a program, a file or an address of the server: set where it runs, never over the network.
LOCAL: Final = frozenset({"when_changed", "expect"})
# How each kind of field is written in a request, by its annotation; what is not here may be anything.
_WRITTEN: Final[Mapping[str, Schema]] = {
    "str": _TEXT,
    "datetime | None": _TEXT_OR_NULL,
    "int": {"type": ["integer", "string"]},
    "int | None": {"type": ["integer", "string", "null"]},
    "timedelta": {"type": ["string", "number"]},
    "timedelta | None": {"type": ["string", "number", "null"]},
    "Overlap": _TEXT,
    "CatchUp": _TEXT,
    "OnInterrupt": _TEXT,
    "OnExpiry": _TEXT,
    "str | None": _TEXT_OR_NULL,
    "RetryPolicy": {"type": ["object", "string", "integer"]},
    "Mapping[str, Any]": {"type": "object"},
    "tuple[str, ...]": {"type": ["array", "string"], "items": _TEXT},
}


def array_of(items: Schema) -> Schema:
    """A bare array, as every list is."""
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    """One of ``components``."""
    return {"$ref": f"#/components/schemas/{name}"}


def body(name: str) -> dict[str, Any]:
    """The part of an operation that says what is sent."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": ref(name)}}}}


def components() -> dict[str, Schema]:
    """Every named shape."""
    job, run, told, figures = _samples()
    shown = _object(job_object(job))
    # A job bears the words of its own kind of schedule, and its next times where one job was asked for.
    shown["required"] = [name for name in shown["required"] if name != "cron_expression"]
    shown["properties"].update(
        {
            "status": {"type": "string", "enum": [status.value for status in JobStatus]},
            "every": _TEXT,
            "anchor": _WHEN,
            "at": _WHEN,
            "next_runs": array_of(_WHEN),
        }
    )
    execution = _object(execution_object(run))
    execution["properties"] |= {"status": _RUN_STATUS, "usage": {"anyOf": [{"type": "null"}, _usage(run)]}}
    explanation = _object(explanation_object(told, job))
    explanation["properties"] |= {
        "status": {"type": ["string", "null"]},
        "policy": {"type": ["object", "null"]},
        "execution": {"anyOf": [{"type": "null"}, ref("Execution")]},
    }
    return {
        "Job": shown,
        "JobRequest": _request(required=True),
        "JobChange": _request(required=False),
        "Execution": execution,
        "Explanation": explanation,
        "Statistics": _object(statistics_object(figures)),
        "Preview": _plain(description=_TEXT, timezone=_TEXT, next_runs=array_of(_WHEN)),
        "Deleted": _plain(id=_TEXT, name=_TEXT, deleted={"type": "boolean"}),
        "Message": _plain(role=_TEXT, text=_TEXT, tool=_TEXT_OR_NULL, args={}, result={}),
        "Agent": _plain(
            name=_TEXT, kind=_TEXT, source=_TEXT, default={"type": "boolean"}, description={}, problem=_TEXT_OR_NULL
        ),
        "Node": _plain(
            id=_TEXT,
            host=_TEXT,
            pid=_WHOLE,
            version=_TEXT,
            alive={"type": "boolean"},
            started_at=_WHEN,
            seen_at=_WHEN,
            lease_until=_WHEN_OR_NULL,
            stopped_at=_WHEN_OR_NULL,
            running=array_of(_plain(id=_TEXT, job_id=_TEXT, job=_TEXT)),
        ),
        "Artifact": _plain(name=_TEXT, media_type=_TEXT, bytes=_WHOLE, href=_TEXT),
        "Usage": _plain(key=_TEXT, name=_TEXT, runs=_WHOLE, tokens=_WHOLE, cost_usd=_NUMBER_OR_NULL),
        "Finding": _plain(check=_TEXT, verdict=_TEXT, detail=_TEXT, fix=_TEXT, where=_TEXT),
        "Input": _plain(
            id=_TEXT,
            job_id=_TEXT,
            job_name=_TEXT_OR_NULL,
            execution_id=_TEXT,
            kind={"type": "string", "enum": [kind.value for kind in InputKind]},
            question=_TEXT,
            options=array_of(_TEXT),
            tool=_TEXT_OR_NULL,
            args={},
            asked_at=_WHEN,
            expires_at=_WHEN,
            waiting={"type": "boolean"},
            decision=_TEXT_OR_NULL,
            answer=_TEXT_OR_NULL,
            answered_by=_TEXT_OR_NULL,
            answered_at=_WHEN_OR_NULL,
        ),
        "Letter": _plain(
            id=_TEXT,
            job_id=_TEXT,
            job_name=_TEXT_OR_NULL,
            execution_id=_TEXT_OR_NULL,
            event={"type": "string", "enum": [event.value for event in Event]},
            target=_TEXT,
            status={"type": "string", "enum": [status.value for status in LetterStatus]},
            tries=_WHOLE,
            created=_WHEN,
            wake_at=_WHEN_OR_NULL,
            ended_at=_WHEN_OR_NULL,
            error=_TEXT_OR_NULL,
            subject=_TEXT,
        ),
        "Answer": {
            "type": "object",
            "properties": {
                "decision": {"type": "string", "enum": ["approve", "deny", "answer"]},
                "answer": {**_TEXT_OR_NULL, "description": "The text of an answer, or the reason of a denial."},
            },
            "required": ["decision"],
            "additionalProperties": False,
        },
        "Health": _plain(status=_TEXT),
        "Problem": {
            **_plain(type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT),
            "description": "RFC 9457; `field` names the field at fault, where one is.",
        },
    }


def _plain(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _object(sample: Mapping[str, Any]) -> Schema:
    return _plain(**{name: _kind(name, value) for name, value in sample.items()})


def _kind(name: str, value: Any) -> Schema:
    if name in _INSTANTS or name in _MAYBE_INSTANTS:
        return _WHEN if name in _INSTANTS else _WHEN_OR_NULL
    if name in _MONEY:
        return _NUMBER_OR_NULL
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return _WHOLE
    if name in _NULLABLE:
        return _TEXT_OR_NULL
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, Mapping) and name == "totals":
        return _object(value)
    return {"type": "object"} if isinstance(value, Mapping) else {}


def _usage(run: Execution) -> Schema:
    return _object(execution_object(run)["usage"])


def _request(*, required: bool) -> Schema:
    schedules: dict[str, Schema] = dict.fromkeys(SCHEDULE_KEYS, _TEXT_OR_NULL)
    schedules |= {"timezone": _TEXT_OR_NULL, "anchor": {"description": "With `every`: where the interval counts from."}}
    own: dict[str, Schema] = {
        field.name: {**_WRITTEN.get(str(field.type), {}), "description": field.metadata["help"]}
        for field in fields(JobSpec)
        if field.name != "schedule" and field.name not in LOCAL
    }
    schema: Schema = {"type": "object", "properties": schedules | own, "additionalProperties": False}
    schema["description"] = "One of cron_expression, every, at; durations such as 90s, instants ISO 8601."
    return schema | ({"required": ["name", "prompt"]} if required else {"minProperties": 1})


def _samples() -> tuple[Job, Execution, Explanation, JobStatistics]:
    now = datetime(2000, 1, 1, tzinfo=UTC)
    spec = JobSpec(name="a", schedule=CronSchedule("0 9 * * *"), prompt="p", timeout=timedelta(seconds=1))
    run = Execution(id="a", job_id="a", version=1, at=now, status=ExecutionStatus.PENDING, usage=Usage(input_tokens=1))
    told = Explanation(job_id="a", at=now, slot=now, sentence="", execution=None, next_slot=None)
    figures = JobStatistics(jobs_by_status={}, executions_by_status={})
    return Job(id="a", spec=spec, created=now), run, told, figures
