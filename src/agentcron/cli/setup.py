"""Commands that set a place up and show how it is set up."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import get_completion_class

from agentcron.cli.session import Session, command
from agentcron.config import FILE_NAME, Setting, shown
from agentcron.errors import ConflictError, StoreUnavailable
from agentcron.redaction import is_reference

_SECRET: Final = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)
_TEMPLATE: Final = """\
# Settings of agentcron for this folder and those below it. Arguments and AGENTCRON_* variables go before them.

[store]
url = "sqlite:///agentcron.sqlite"        # beside this file

[scheduler]
# timezone = "Europe/Berlin"              # of schedules that name none; default: this machine's
# default_agent = "writer"                # of jobs that name none; default: the only definition below
# max_concurrent_agents = 10
# stop_grace = "30s"                      # how long running agents may go on after a stop
# log_format = "text"                     # or "json": one object a line, with the ids of job and run

# [retention]                             # of runs that ended; "none" takes a limit away
# max_age = "90d"
# max_per_job = 10000
# max_bytes = "1GiB"                      # the whole store
# keep_last = 50                          # of each job, whatever the limits say

# Where messages go. 'agentcron doctor' tells whether each can be used.

# [endpoints.ops]
# kind = "webhook"                        # or email, file, command, apprise, heartbeat
# url = "https://hooks.example.com/x"
# secret = "env:OPS_WEBHOOK_SECRET"       # secrets are env:NAME or file:PATH, never here

# Each agent is a definition that jobs name with --agent. 'agentcron agents' tells whether each can work.

# [agents.writer]
# kind = "pydantic-ai"
# model = "anthropic:claude-sonnet-4-5"   # any provider:model; reads ANTHROPIC_API_KEY
# instructions = "Answer in one paragraph."

# [agents.script]
# kind = "command"                        # the prompt is on standard input, or where {prompt} stands
# command = ["./report.sh"]
"""


@command("init")
def init_command(session: Session) -> None:
    """Write an agentcron.toml with comments into this folder.

    Example: agentcron init
    """
    path = Path(session.config_file or FILE_NAME).absolute()
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise ConflictError(f"{path}: exists already; edit it, or remove it first") from None
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be written: {error.strerror}; choose another folder") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_TEMPLATE)
    following = [
        'agentcron add hello "every 10s" "Say hello" --agent echo',
        "agentcron start --for 30s",
        "agentcron runs hello",
    ]
    session.emit(
        {"file": str(path), "next": following}, "\n".join([f"wrote {path}; try", *(f"  {line}" for line in following)])
    )


@command("agents")
def agents_command(session: Session) -> None:
    """List agent definitions and whether each can work.

    Example: agentcron agents --json
    """
    rows = session.factory.describe()
    session.emit(
        rows,
        lambda: session.table(
            ("NAME", "KIND", "FROM", "CAN WORK", "WHAT"),
            [
                (
                    row["name"] + (" (default)" if row["default"] else ""),
                    row["kind"],
                    row["source"],
                    "yes" if row["problem"] is None else "no",
                    row["problem"] or row["description"],
                )
                for row in rows
            ],
            "no agents",
            spare=("FROM", "KIND"),
        ),
    )


@click.group("config")
def config_command() -> None:
    """Show the settings that hold."""


@command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
def config_show_command(session: Session, origin: bool) -> None:
    """Show the settings that hold, and with --origin where each comes from.

    Example: agentcron config show --origin
    """
    settings = session.config.settings()
    if session.config.timezone.value is None:
        settings["scheduler.timezone"] = Setting(value=session.zone, origin="default (this machine)")
    seen = {name: _setting(name, setting.value) for name, setting in settings.items()}
    values = {
        name: {"value": seen[name], "origin": setting.origin} if origin else seen[name]
        for name, setting in settings.items()
    }

    def text() -> str:
        rows = [(name, _toml(seen[name]), *([setting.origin] if origin else [])) for name, setting in settings.items()]
        return session.table(("SETTING", "VALUE", "FROM") if origin else ("SETTING", "VALUE"), rows, "")

    session.emit(values, text)


def _setting(name: str, value: Any) -> Any:
    """A setting as it may be seen by others; the address of an endpoint by its host alone, since whoever knows the rest
    of many may send there."""
    url = value.get("url") if isinstance(value, Mapping) else None
    if name.startswith("endpoints.") and isinstance(url, str) and not is_reference(url):
        scheme, mark, rest = url.partition("://")
        value = {**value, "url": f"{scheme}{mark}{rest.partition('/')[0].rpartition('@')[2]}/***" if mark else "***"}
    return _shown(value)


def _toml(value: Any) -> str:
    """A value as the file holds it; ``-`` where nothing is set."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # Text, true and false, and numbers are written in TOML as in JSON.
    return "-" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _shown(value: Any, name: str = "") -> Any:
    """A value as it may be seen by others: what people paste into a report must hold no key."""
    if isinstance(value, Mapping):
        return {key: _shown(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_shown(part, name) for part in value]
    if isinstance(value, str) and _SECRET.search(name) and not is_reference(value):
        return "***"
    return shown(value)


config_command.add_command(config_show_command)


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(session: Session, shell: str) -> None:
    """Print the completion script of a shell.

    Example: eval "$(agentcron completion bash)"
    """
    from agentcron.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "agentcron", "_AGENTCRON_COMPLETE").source()
    session.emit({"shell": shell, "script": script}, script)
