"""Whether an answer is JSON that fits a schema, in bounded time: a ``pattern`` in it can take for ever."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

from agentcron.checks import apart
from agentcron.checks.place import LookFailed, Place

WORK: Final = 10
_FENCED: Final = re.compile(r"\s*```[A-Za-z0-9]*\s*\n(.*)\n\s*```\s*", re.DOTALL)
_HOLD: Final = """
sys.path += [path for path in paths if path not in sys.path]
from agentcron.checks.fitting import held
answer(held)
"""


async def fits(schema: str, answer: str, place: Place) -> str | None:
    """What in the answer does not fit; None where it does. Raises ``LookFailed``."""
    text = await asyncio.to_thread(_text, schema, place)
    try:
        problem, failed = await apart.done(_HOLD, [text, answer], seconds=WORK, installed=True)
    except apart.TooLong:
        raise LookFailed(
            f"takes more than {WORK} s to be held against the answer; write its patterns without repetitions within "
            "repetitions"
        ) from None
    if failed is not None:
        raise LookFailed(failed)
    return None if problem is None else str(problem)


def check(schema: str, place: Place) -> None:
    """Raise ``LookFailed`` for what is no schema, which is JSON itself or the path of a file."""
    _validator(_text(schema, place))


def held(schema: str, answer: str) -> tuple[str | None, str | None]:
    """What in the answer does not fit the schema, and why that cannot be said; None each where there is nothing."""
    fenced = _FENCED.fullmatch(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError) as error:
        return f"the answer is not JSON: {error}", None
    try:
        validator = _validator(schema)
    except LookFailed as error:
        return None, str(error)
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(validator.iter_errors(value), key=lambda error: str(error.json_path))
    except Unresolvable as error:
        return None, f"the schema refers to {error.ref}, which is not in it; addresses are not fetched"
    return (f"{errors[0].json_path}: {errors[0].message}" if errors else None), None


def _text(schema: str, place: Place) -> str:
    try:
        return schema if schema.startswith("{") else place.path(schema).read_text("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise LookFailed(f"the schema cannot be read: {why}") from error


def _validator(text: str) -> Any:
    """What holds JSON against the schema."""
    try:
        import jsonschema
        from referencing import Registry
    except ImportError:
        raise LookFailed("needs jsonschema; pip install 'agentcron[checks]'") from None
    try:
        read = json.loads(text)
        kind = jsonschema.validators.validator_for(read, default=jsonschema.Draft202012Validator)
        kind.check_schema(read)
    except jsonschema.SchemaError as error:
        raise LookFailed(f"is no JSON schema: {error.json_path}: {error.message}") from error
    except (ValueError, RecursionError) as error:
        raise LookFailed(f"the schema cannot be read: {error}") from error
    # An empty registry: a reference to an address must not be fetched.
    return kind(read, registry=Registry())
