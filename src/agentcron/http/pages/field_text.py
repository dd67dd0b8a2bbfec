"""How a field of a job stands in a form: as the text that ``read_spec`` takes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import write_schedule, write_spec


def field_text(spec: JobSpec, name: str) -> str:
    """The field's text; empty for none. Budgets stand one a line."""
    return _text(write_spec(spec).get(name))


def schedule_text(spec: JobSpec) -> str:
    """``0 9 * * *``, ``every 10m``, ``at 2030-01-01T09:00``."""
    written = write_schedule(spec.schedule)
    if "cron_expression" in written:
        return str(written["cron_expression"])
    return f"every {written['every']}" if "every" in written else f"at {written['at']}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={part}" for name, part in value.items() if part is not None)
    if isinstance(value, list | tuple):
        return ("\n" if any(isinstance(part, Mapping) for part in value) else ", ").join(_text(part) for part in value)
    return str(value)
