"""The command ``agentcron``: parse, call the facade, render."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from agentcron._version import __version__
from agentcron.errors import (
    AgentcronError,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    StoreError,
)

INTERRUPTED: Final = 130

# Each command's module is imported when the command is run, so that --help and short commands start at once.
COMMANDS: Final = {
    "init": ("setup", "Write an agentcron.toml with comments into this folder."),
    "add": ("jobs", "Create a job: NAME SCHEDULE PROMPT."),
    "list": ("jobs", "List jobs."),
    "show": ("jobs", "Show one job."),
    "edit": ("jobs", "Change a job."),
    "pause": ("jobs", "Start no further slot until a resume."),
    "resume": ("jobs", "Go on with the schedule."),
    "cancel": ("jobs", "End a job for good."),
    "delete": ("jobs", "Delete a job with its history."),
    "run": ("runs", "Run a job now, besides its schedule."),
    "runs": ("runs", "What became of each slot, newest first."),
    "logs": ("runs", "Answer and conversation of an execution."),
    "next": ("times", "The next times of a schedule or job."),
    "why": ("times", "Why a job ran, or did not run, at a time."),
    "start": ("start", "Run due jobs in the foreground."),
    "agents": ("setup", "List agent definitions and whether each can work."),
    "doctor": ("doctor", "Check store, clock, agents and settings."),
    "config": ("setup", "Show the settings that hold."),
    "completion": ("setup", "Print the completion script of a shell."),
    "demo": ("demo", "Run one job with a real model and show its answer."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"agentcron.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see 'agentcron --help'"
            raise click.UsageError(f"{args[0]!r} is not a command; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="agentcron")
def cli() -> None:
    """Cron for AI agents: a prompt on a schedule, run by a dedicated agent, its answer and cost kept.

    Options come after the command. Every command takes --config FILE, --store URL_OR_PATH, --json and --debug.

    Exit codes: 0 ok, 1 the run failed, 2 bad input, 3 not found, 4 conflict, 5 store unavailable, 6 not allowed,
    130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every error is one line on standard error."""
    try:
        code = cli.main(args=arguments, prog_name="agentcron", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        command = f"'{error.ctx.command_path} --help'" if error.ctx is not None else "'agentcron --help'"
        told = error.format_message().rstrip(".")
        return _fail(told if "--help'" in told else f"{told}; see {command}", 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has gone (click ends the process where it notices). A flush at exit would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except AgentcronError as error:
        return _fail(str(error), exit_code(error))


def exit_code(error: AgentcronError) -> int:
    """The exit code of an error."""
    if isinstance(error, NotFoundError):
        return 3
    if isinstance(error, ConflictError):
        return 4
    if isinstance(error, StoreError):
        return 5
    return 6 if isinstance(error, NotAllowedError) else 2


def _fail(message: str, code: int) -> int:
    print(f"agentcron: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code
