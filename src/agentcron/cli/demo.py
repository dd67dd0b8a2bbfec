"""One job from its schedule to its answer in the history, in seconds, with a real model where one can be had."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.runs import conversation_text, message_object
from agentcron.cli.session import Session, command
from agentcron.cli.words import span
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.wire import execution_object

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
    "codex": ["codex", "exec", "{prompt}"],
    "gemini": ["gemini", "-p", "{prompt}"],
    "opencode": ["opencode", "run", "{prompt}"],
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which agent the demo runs. ``real`` is False for ``echo``, which is no model."""

    definition: Any
    model: str
    real: bool


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
        async with _chosen(session, agent) as choice:
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
    async with BackgroundJobsPlugin(storage_plugin=folder / "demo.sqlite", agent_factory=agents) as plugin:
        job_id = await plugin.create_job("demo", "every 1s", PROMPT, max_runs=1, timeout="3m")
        job = await plugin.get_job(job_id)
        assert job is not None
        session.say(f"created the job 'demo', {job.schedule.describe()}, agent {choice.model}; waiting for its time …")
        while not (runs := await plugin.get_executions(job_id)):  # noqa: ASYNC110 - it comes to be in the store
            await asyncio.sleep(0.05)
        session.say("its time has come: an agent was created and runs the prompt …")
        run = await plugin.wait_for_execution(runs[-1].id)
        talk = await plugin.get_conversation(run.id)
        return run, readable(talk) if talk is not None else []


@contextlib.asynccontextmanager
async def _chosen(session: Session, agent: str | None) -> AsyncIterator[Choice]:
    if agent is not None:
        yield _named(session, agent)
        return
    from agentcron.agents import local_model

    missing = local_model.available()
    if missing is not None:
        session.say(f"no model on this machine ({missing}); the built-in 'echo' agent answers instead, it is no model")
        yield Choice(definition={"kind": "echo"}, model="echo", real=False)
        return
    async with local_model.serve(session.say) as base_url:
        definition = {
            "kind": "pydantic-ai",
            "model": local_model.MODEL_NAME,
            "base_url": base_url,
            "settings": {"max_tokens": 60},
        }
        yield Choice(definition=definition, model=local_model.MODEL_NAME, real=True)


def _named(session: Session, agent: str) -> Choice:
    if agent in session.config.agents:
        definition = session.config.agents[agent]
        kind = definition.get("kind") if isinstance(definition, dict) else "pydantic-ai"
        return Choice(definition=definition, model=agent, real=kind not in ("echo", "python", "command"))
    if agent == "echo":
        return Choice(definition={"kind": "echo"}, model="echo", real=False)
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
        definition = {"kind": "command", "command": _PROGRAMS[agent]}
        return Choice(definition=definition, model=agent, real=True)
    if ":" in agent:
        return Choice(definition=agent, model=agent, real=True)
    raise click.UsageError(f"--agent {agent!r} is not known; see 'agentcron demo --help'")


def _told(run: Execution, messages: list[Message], choice: Choice) -> str:
    usage = f"{run.usage.input_tokens} tokens in, {run.usage.output_tokens} out" if run.usage is not None else "unknown"
    lines = [
        "",
        "from the history:",
        f"  job       demo, slot {run.at:%Y-%m-%d %H:%M:%S} UTC",
        f"  status    {run.status.value}" + (f" ({run.reason})" if run.reason else ""),
        f"  model     {choice.model}" + ("" if choice.real else " (no model: it says what it was told)"),
        f"  tokens    {usage}",
        f"  took      {span(run.duration)}",
    ]
    if run.error:
        lines.append(f"  error     {run.error}")
    lines += [f"  [{message.role}] {conversation_text(message)}" for message in messages]
    lines += ["", 'your own: agentcron init; agentcron add hello "every 10s" "Say hello" --agent echo; agentcron start']
    return "\n".join(lines)
