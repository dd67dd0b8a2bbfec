"""How a field of a job stands in a form: as the text that ``read_spec`` takes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentcron.domain.notify import OFF
from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import write_schedule, write_spec

# Of these there may be several, one a line; an example of each.
LINES: Final = {"budgets": "tokens=100000,window=1d", "notify": "ops: failure, recovered; after 3"}


def field_text(spec: JobSpec, name: str) -> str:
    """The field's text; empty for none."""
    value = write_spec(spec).get(name)
    if name not in LINES:
        return _text(value)
    # No rule at all is a choice, which an empty field would not show.
    return OFF if name == "notify" and value == [] else "\n".join(_text(one) for one in value or ())


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
        return ", ".join(_text(part) for part in value)
    return str(value)
