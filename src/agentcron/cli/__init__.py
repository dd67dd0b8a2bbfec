"""The command ``agentcron``: parse, call the facade, render."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import click

from agentcron._version import __version__
from agentcron.errors import (
    AgentcronError,
    AgentError,
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
    "usage": ("usage", "What runs used, by job, model, tag or day."),
    "logs": ("runs", "Answer and conversation of an execution."),
    "inbox": ("inbox", "What runs ask of you."),
    "approve": ("inbox", "Let a run call the tool that it asks for."),
    "deny": ("inbox", "Do not let a run do what it asks for."),
    "answer": ("inbox", "Answer the question of a run."),
    "next": ("times", "The next times of a schedule or job."),
    "why": ("times", "Why a job ran, or did not run, at a time."),
    "simulate": ("simulate", "What the jobs would do in the days to come."),
    "start": ("start", "Run due jobs in the foreground."),
    "serve": ("serve", "Run due jobs and serve the HTTP API."),
    "service": ("service", "Keep the scheduler running, with systemd."),
    "mcp": ("mcp", "Serve the scheduling tools to an MCP client."),
    "token": ("tokens", "Make, list and revoke tokens of the HTTP API."),
    "agents": ("setup", "List agent definitions and whether each can work."),
    "import": ("transfer", "Add jobs and history from another program's files."),
    "export": ("transfer", "Write jobs and history as another program's files."),
    "migrate-store": ("moving", "Copy everything into a store of another kind."),
    "nodes": ("nodes", "Which processes run jobs of this store, and what they run."),
    "outbox": ("outbox", "What was told to whom, and what waits to be."),
    "resend": ("outbox", "Try a letter that was given up afresh."),
    "endpoints": ("outbox", "List where letters go, or send a trial."),
    "watch": ("watch", "Tell when no scheduler has been seen, from outside."),
    "doctor": ("doctor", "Check store, clock, agents and settings."),
    "backup": ("backup", "Copy the store to FILE while it is in use."),
    "config": ("setup", "Show the settings that hold."),
    "completion": ("setup", "Print the completion script of a shell."),
    "demo": ("demo", "Run one job with a real model and show its answer."),
}

# What other programs call it: where somebody's fingers know another word, theirs is told ours.
_SAME = {
    "create": "add",
    "new": "add",
    "history": "runs",
    "executions": "runs",
    "ps": "list",
    "ls": "list",
    "jobs": "list",
    "get": "show",
    "info": "show",
    "update": "edit",
    "rm": "delete",
    "remove": "delete",
    "trigger": "run",
    "up": "start",
    "server": "serve",
    "explain": "why",
    "preview": "next",
    "check": "doctor",
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"agentcron.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            known = _SAME.get(args[0])
            near = [known] if known else difflib.get_close_matches(args[0], COMMANDS, n=1)
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

    Exit codes: 0 ok, 1 the run failed (or an unexpected error), 2 bad input, 3 not found, 4 conflict, 5 store
    unavailable, 6 not allowed, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character gets its number instead of a traceback.
            stream.reconfigure(errors="backslashreplace")
    # What systemd, cron and `timeout` send ends a command as Ctrl-C does: a run that it waits for is settled.
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every error is one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _check_words(words)
        code = cli.main(args=words, prog_name="agentcron", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        return _fail(_usage(error), 2)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has gone (click ends the process where it notices).
        hush()
        return 0
    except AgentcronError as error:
        return _fail(str(error), exit_code(error))
    except Exception as error:  # whatever it was, a person gets one line that says what to do
        if "--debug" in words:
            import traceback

            traceback.print_exc()
        if isinstance(error, OSError) and error.filename is None:
            hush()  # it may have been standard output itself, on a full disk
        return _fail(_unexpected(error), 5 if isinstance(error, OSError) else 1)


def exit_code(error: AgentcronError) -> int:
    """The exit code of an error."""
    if isinstance(error, NotFoundError):
        return 3
    if isinstance(error, ConflictError):
        return 4
    if isinstance(error, StoreError):
        return 5
    if isinstance(error, AgentError):
        return 1
    return 6 if isinstance(error, NotAllowedError) else 2


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise click.UsageError(f"{word!a} is not UTF-8 text; write it in UTF-8") from None


def _usage(error: click.UsageError) -> str:
    told = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.command is cli:
        return f"{error.option_name} is not an option here; options come after the command: agentcron COMMAND --help"
    if "--help'" in told:
        return told
    command = error.ctx.command_path if error.ctx is not None else "agentcron"
    return f"{told}{'' if told.endswith('?') else ';'} see '{command} --help'"


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{str(error.filename)[:200]}: " if error.filename else ""
        return f"{place}{error.strerror}; check the place and its permissions"
    return f"unexpected {type(error).__name__}: {error}; add --debug to see where, and please report it"


def hush() -> None:
    """Nothing more goes to standard output: a flush at exit would raise what was told already."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    from agentcron.domain.plain_text import is_plain

    line = " ".join(message.split())
    shown = "".join(char if is_plain(char) else ascii(char)[1:-1] for char in line)
    with contextlib.suppress(OSError):
        click.echo(f"agentcron: {shown}", err=True)
    return code
