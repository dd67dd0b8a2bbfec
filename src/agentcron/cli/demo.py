"""One job from its schedule to its answer in the history, in seconds, with a real model where one can be had."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.runs import conversation_text
from agentcron.cli.session import Session, command
from agentcron.cli.words import span
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.spec import DEFAULT_AGENT
from agentcron.errors import AgentcronError, AgentError
from agentcron.wire import execution_object, message_object

if TYPE_CHECKING:
    from agentcron.agents.conversation import Message

PROMPT: Final = "In one short sentence: why is it good to do some work at night?"
_PROVIDERS: Final = {
    "anthropic": ("ANTHROPIC_API_KEY", "anthropic:claude-haiku-4-5"),
    "openai": ("OPENAI_API_KEY", "openai:gpt-5-mini"),
    "google": ("GOOGLE_API_KEY", "google:gemini-2.5-flash"),
}
_PROGRAMS: Final = {
    "claude": ["claude", "-p", "{prompt}"],
    "codex": ["codex", "exec", "--skip-git-repo-check", "{prompt}"],
    "gemini": ["gemini", "-p", "{prompt}"],
    "opencode": ["opencode", "run", "{prompt}"],
}
# What coding agents are signed in with; a command agent is given no other variable of these names.
_SIGNED_IN: Final = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "USER",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
_BEGINS_WITHIN: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which agent the demo runs. ``real`` is True only where a model is known to answer; ``note`` says why not."""

    definition: Any
    model: str
    real: bool
    note: str = ""


_ECHO: Final = Choice(definition={"kind": "echo"}, model="echo", real=False, note="no model: it says what it was told")


@command("demo")
@click.option(
    "--agent",
    metavar="AGENT",
    help="anthropic, openai or google (with their key set), claude, codex, gemini or opencode (where installed), "
    "a provider:model, or a definition of agentcron.toml. Default: a small model on this machine.",
)
def demo_command(session: Session, agent: str | None) -> int:
    """Run one job with a real model and show its answer, read back from the history.

    Example: agentcron demo
    """
    execution, messages, choice = asyncio.run(_demo(session, agent))
    value = {
        "real_model": choice.real,
        "model": choice.model,
        "answer": execution.result,
        "execution": execution_object(execution, "demo"),
        "conversation": [message_object(message) for message in messages],
    }
    session.emit(value, lambda: _told(execution, messages, choice))
    return 0 if execution.status is ExecutionStatus.SUCCESS else 1


async def _demo(session: Session, agent: str | None) -> tuple[Execution, list[Message], Choice]:
    folder = Path(tempfile.mkdtemp(prefix="agentcron-demo-"))
    try:
        async with _chosen(session, agent, folder) as choice:
            return (*await _run(session, choice, folder), choice)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(session: Session, choice: Choice, folder: Path) -> tuple[Execution, list[Message]]:
    from agentcron.agents.conversation import readable
    from agentcron.agents.factory import AgentFactoryPlugin
    from agentcron.plugin import BackgroundJobsPlugin

    agents = AgentFactoryPlugin(
        {"demo": choice.definition}, default_definition="demo", base_dir=session.config.base_dir
    )
    # Nothing of a demo is worth the grace that a scheduler gives its runs: Ctrl-C ends it at once.
    async with BackgroundJobsPlugin(
        storage_plugin=folder / "demo.sqlite", agent_factory=agents, stop_grace=timedelta(0)
    ) as plugin:
        job_id = await plugin.create_job("demo", "every 1s", PROMPT, max_runs=1, timeout="3m")
        job = await plugin.get_job(job_id)
        assert job is not None
        session.say(f"created the job 'demo', {job.schedule.describe()}, agent {choice.model}; waiting for its time …")
        try:
            async with asyncio.timeout(_BEGINS_WITHIN):
                while not (runs := await plugin.get_executions(job_id)):  # noqa: ASYNC110 - it is known by the store
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AgentError(f"the run did not begin within {_BEGINS_WITHIN:g} s; is the machine very busy?") from None
        session.say("its time has come: an agent was created and runs the prompt …")
        run = await plugin.wait_for_execution(runs[-1].id)
        talk = await plugin.get_conversation(run.id)
        return run, readable(talk) if talk is not None else []


@contextlib.asynccontextmanager
async def _chosen(session: Session, agent: str | None, folder: Path) -> AsyncIterator[Choice]:
    if agent is not None:
        yield _named(session, agent, folder)
        return
    from agentcron.agents import local_model

    if others := _others():
        session.say(f"'agentcron demo --agent {others[0]}' asks {others[0]} instead ({', '.join(others)} can be asked)")
    async with contextlib.AsyncExitStack() as stack:
        try:
            if (problem := local_model.available()) is None:
                _local(base_url="http://127.0.0.1:9/v1", check=True)
                base_url = await stack.enter_async_context(local_model.serve(session.say))
        except AgentcronError as error:
            problem = str(error)
        if problem is not None:
            session.say(f"no model on this machine ({problem})")
            session.say("the built-in 'echo' agent answers instead, it is no model")
            yield _ECHO
        else:
            yield _local(base_url)


def _local(base_url: str, *, check: bool = False) -> Choice:
    """The small model of this machine. Raises ``AgentDefinitionError`` where what speaks to it is not installed."""
    from agentcron.agents import local_model
    from agentcron.agents.factory import AgentFactoryPlugin

    name = local_model.MODEL_NAME
    definition = {"kind": "pydantic-ai", "model": name, "base_url": base_url, "settings": {"max_tokens": 60}}
    if check:
        AgentFactoryPlugin({"demo": definition}).check("demo")
    return Choice(definition=definition, model=name, real=True)


def _others() -> list[str]:
    """What --agent could name here. None of it is asked unbidden: it costs money."""
    keys = [name for name, (variable, _) in _PROVIDERS.items() if os.environ.get(variable)]
    return keys + [name for name in _PROGRAMS if shutil.which(name) is not None]


def _named(session: Session, agent: str, folder: Path) -> Choice:
    if agent in session.config.agents:
        return _configured(agent, session.config.agents[agent])
    if agent == "echo":
        return _ECHO
    if agent == DEFAULT_AGENT:
        agent = os.environ.get("AGENTCRON_MODEL", "")
        if ":" not in agent:
            raise click.UsageError(f"--agent {DEFAULT_AGENT} needs AGENTCRON_MODEL=provider:model; set it")
    if agent in _PROVIDERS:
        variable, model = _PROVIDERS[agent]
        if not os.environ.get(variable):
            raise click.UsageError(f"--agent {agent} needs {variable}; set it, or leave --agent out")
        return Choice(definition=model, model=model, real=True)
    if agent in _PROGRAMS:
        if shutil.which(agent) is None:
            raise click.UsageError(
                f"--agent {agent}: no program of that name is on the PATH; install it, or leave it out"
            )
        given = {name: f"env:{name}" for name in _SIGNED_IN if os.environ.get(name)}
        # In an empty folder, because a coding agent may write where it stands.
        definition = {"kind": "command", "command": _PROGRAMS[agent], "cwd": str(folder), "env": given}
        return Choice(definition=definition, model=agent, real=True)
    if ":" in agent:
        return Choice(definition=agent, model=agent, real=True)
    near = ", ".join((*_PROVIDERS, *_PROGRAMS, "echo", *session.config.agents))
    raise click.UsageError(f"--agent {agent!r} is not known; use provider:model, or one of {near}")


def _configured(name: str, definition: Any) -> Choice:
    kind = "pydantic-ai" if isinstance(definition, str) else definition.get("kind", "")
    if kind == "pydantic-ai":
        model = definition if isinstance(definition, str) else definition.get("model", name)
        return Choice(definition=definition, model=str(model), real=True)
    note = _ECHO.note if kind == "echo" else f"kind {kind}: whether it asks a model is not known here"
    return Choice(definition=definition, model=name, real=False, note=note)


def _told(run: Execution, messages: list[Message], choice: Choice) -> str:
    usage = f"{run.usage.input_tokens} tokens in, {run.usage.output_tokens} out" if run.usage is not None else "unknown"
    lines = [
        "",
        "from the history:",
        f"  job       demo, slot {run.at:%Y-%m-%d %H:%M:%S} UTC",
        f"  status    {run.status.value}" + (f" ({run.reason})" if run.reason else ""),
        f"  model     {choice.model}" + (f" ({choice.note})" if choice.note else ""),
        f"  tokens    {usage}",
        f"  took      {span(run.duration)}",
    ]
    if run.error:
        lines.append(f"  error     {run.error}")
    lines += [f"  [{message.role}] {conversation_text(message)}" for message in messages]
    lines += ["", 'your own: agentcron init; agentcron add hello "every 10s" "Say hello" --agent echo; agentcron start']
    return "\n".join(lines)
