"""How the fields of a job are given on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import click

from agentcron.domain.spec import MAX_PROMPT_BYTES, JobSpec
from agentcron.domain.spec_fields import write_field
from agentcron.errors import InvalidJobError

_OWN: Final = ("name", "schedule", "prompt", "metadata", "tags")
# Given once for each entry: a comma may belong to an expression.
_SEVERAL: Final = ("when_changed", "expect")
# Fields that may be taken back: "none" is no instant, number or duration, so it can mean nothing else.
_CLEARED: Final = "none"
_MAY_BE_NONE: Final = frozenset(
    field.name for field in fields(JobSpec) if field.default is None or field.name in (*_SEVERAL, "failure_marker")
)
# What stands for the value in the help, by the field's type; that of a policy names its values.
_METAVARS: Final = {
    "timedelta": "DURATION",
    "timedelta | None": "DURATION",
    "datetime | None": "INSTANT",
    "int": "NUMBER",
    "int | None": "NUMBER",
    "bool": "yes|no",
}


def spec_options(*, defaults: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """One option for each field of a job; ``defaults``: its help tells what holds where the option is left out."""

    def option(field: Field[Any]) -> Callable[..., Any]:
        # The definition is chosen by the settings where none is named.
        default = write_field(field.default) if defaults and field.name != "agent" else None
        told = [field.metadata["help"]]
        told += ["'none' takes it back."] if field.name in _MAY_BE_NONE else []
        # What is composed, and a plain no, reads better in the pages about it.
        told += [f"[default: {default}]"] if isinstance(default, str) or type(default) is int else []
        return click.option(
            f"--{field.name.replace('_', '-')}",
            multiple=field.name in _SEVERAL,
            metavar=_metavar(field),
            help=" ".join(told),
        )

    options = [
        click.option("--timezone", metavar="ZONE", help="IANA zone that the schedule is read in."),
        click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Your own value; may be repeated."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Label to group jobs by; may be repeated."),
        *(option(field) for field in fields(JobSpec) if field.name not in _OWN),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for added in reversed(options):
            function = added(function)
        return function

    return decorate


def _metavar(field: Field[Any]) -> str | None:
    if isinstance(field.default, StrEnum):
        return f"[{'|'.join(type(field.default))}]"
    return _METAVARS.get(str(field.type))


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given, as the facade reads them."""
    values = {name: value for name, value in options.items() if value not in (None, ())}
    for name in values.keys() & _MAY_BE_NONE:
        if values[name] in ((_CLEARED,), _CLEARED) or (name not in _SEVERAL and values[name].lower() == _CLEARED):
            values[name] = None
    if "metadata" in values:
        values["metadata"] = dict(_pair(text) for text in values["metadata"])
    return values


def read_prompt(prompt: str | None, file: str | None) -> str | None:
    """The prompt that was given, or that is in the file; None for neither. Raises ``InvalidJobError``."""
    if file is None:
        return prompt
    if prompt is not None:
        raise click.UsageError("give the prompt or --prompt-file, not both")
    try:
        if file == "-" and sys.stdin is None:
            raise click.UsageError("--prompt-file: standard input is closed")
        with click.open_file(str(Path(file).expanduser()), "rb") as stream:
            read: bytes = stream.read(MAX_PROMPT_BYTES + 1)
        if len(read) > MAX_PROMPT_BYTES:
            raise InvalidJobError(
                f"--prompt-file: {file} is longer than {MAX_PROMPT_BYTES} bytes; "
                "let the prompt name a file that the agent can read",
                field="prompt",
            )
        return read.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidJobError(f"--prompt-file: {file} cannot be read: {reason}", field="prompt") from error


def _pair(text: str) -> tuple[str, Any]:
    key, mark, value = text.partition("=")
    if not mark or not key:
        raise InvalidJobError(f"metadata: {text!r} is not KEY=VALUE", field="metadata")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value
