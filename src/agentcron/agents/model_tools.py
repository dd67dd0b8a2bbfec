"""What a model may use besides words: functions from the list of allowed ones, MCP servers, and a form to answer in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentcron.agents.processes import MARK, UNNAMED
from agentcron.agents.python import imported
from agentcron.agents.recipes import Surroundings, Values, nearest, shown
from agentcron.errors import AgentDefinitionError
from agentcron.redaction import is_reference

if TYPE_CHECKING:
    from pydantic_ai import AbstractToolset

_SERVER_KEYS: Final = ("command", "cwd", "env", "url", "headers", "needs_approval", "safe_to_repeat")
_TOOL_KEYS: Final = ("call", "needs_approval", "safe_to_repeat")
# Under this key of a tool's metadata stands whether a call may be made again when its outcome is unknown.
REPEAT: Final = "agentcron"


@dataclass(frozen=True, kw_only=True)
class ToolChoice:
    """A function, or where it is imported from; ``safe_to_repeat``: a second call does no harm; ``needs_approval``: a
    person is asked before each call."""

    call: Any
    safe_to_repeat: bool = False
    needs_approval: bool = False


@dataclass(frozen=True, kw_only=True)
class ServerChoice:
    """An MCP server: a program that speaks over its standard input and output, or a URL."""

    name: str
    command: tuple[str, ...] = ()
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe_to_repeat: bool = False
    needs_approval: bool = False


def tools_of(given: Values, around: Surroundings) -> tuple[ToolChoice, ...]:
    """The functions that a definition names. Raises ``AgentDefinitionError`` for one that is not allowed."""
    wanted = given.raw("tools") or ()
    if isinstance(wanted, (str, Mapping)) or not isinstance(wanted, Sequence):
        raise given.refuse("tools", f'a list such as ["package.module:function"] is needed, not {shown(wanted)}')
    return tuple(_tool(given, one, around) for one in wanted)


def servers_of(given: Values) -> tuple[ServerChoice, ...]:
    """The MCP servers that a definition names."""
    wanted = given.raw("mcp_servers") or {}
    if not isinstance(wanted, Mapping) or not all(isinstance(one, Mapping) for one in wanted.values()):
        raise given.refuse("mcp_servers", f"tables by name are needed, each with command or url, not {shown(wanted)}")
    return tuple(_server(given, str(name), one) for name, one in wanted.items())


def toolsets(
    where: str, tools: Sequence[ToolChoice], servers: Sequence[ServerChoice], around: Surroundings
) -> list[AbstractToolset[None]]:
    """What the model is given. Raises ``AgentDefinitionError`` where a part of it is missing."""
    from pydantic_ai import FunctionToolset, Tool

    found: list[AbstractToolset[None]] = []
    if tools:
        functions: list[Tool[None]] = []
        for one in tools:
            call = imported(where, one.call, key="tools") if isinstance(one.call, str) else one.call
            known = {REPEAT: {"repeat": one.safe_to_repeat}}
            functions.append(Tool(call, metadata=known, requires_approval=one.needs_approval))
        found.append(FunctionToolset(functions, id="tools"))
    return found + [_toolset(where, one, around) for one in servers]


def printed(tools: Sequence[ToolChoice], servers: Sequence[ServerChoice]) -> dict[str, Any]:
    """What tells one such choice from another; {} for none."""
    said: dict[str, Any] = {}
    if tools:
        names = [one.call if isinstance(one.call, str) else _name(one.call) for one in tools]
        said["tools"] = [
            [name, one.safe_to_repeat, *(["approval"] if one.needs_approval else [])]
            for name, one in zip(names, tools, strict=True)
        ]
    if servers:
        said["mcp_servers"] = [
            [
                one.name,
                list(one.command),
                one.url,
                one.cwd,
                dict(one.env),
                dict(one.headers),
                *(["approval"] if one.needs_approval else []),
            ]
            for one in servers
        ]
    return said


def _name(call: Any) -> str:
    return f"{getattr(call, '__module__', '')}:{getattr(call, '__qualname__', type(call).__qualname__)}"


def _tool(given: Values, wanted: Any, around: Surroundings) -> ToolChoice:
    values = wanted if isinstance(wanted, Mapping) else {"call": wanted}
    for key in values:
        if key not in _TOOL_KEYS:
            raise given.refuse("tools", f"{key} is not a key of a tool; {nearest(str(key), _TOOL_KEYS)}")
    call = values.get("call")
    for key in ("safe_to_repeat", "needs_approval"):
        if not isinstance(values.get(key, False), bool):
            raise given.refuse("tools", f"{key} is true or false, not {shown(values[key])}")
    safe, asks = values.get("safe_to_repeat", False), values.get("needs_approval", False)
    if isinstance(call, str):
        # Whoever may write a definition chooses among these; text that imports code is not taken from anywhere else.
        if not any(fnmatchcase(call, pattern) for pattern in around.allowed_tools):
            raise given.refuse(
                "tools", f"{call} is not allowed; add it to allow in [tools], as package.module:function or with a *"
            )
        if ":" not in call:
            raise given.refuse("tools", f"{shown(call)} cannot be read; write package.module:function")
    elif not callable(call):
        raise given.refuse("tools", f"{shown(call)} is no function; write package.module:function")
    return ToolChoice(call=call, safe_to_repeat=safe, needs_approval=asks)


def _server(given: Values, name: str, values: Mapping[str, Any]) -> ServerChoice:
    where = f"mcp_servers.{name}"
    for key in values:
        if key not in _SERVER_KEYS:
            raise given.refuse(where, f"{key} is not a key of it; {nearest(str(key), _SERVER_KEYS)}")
    command, url = values.get("command"), values.get("url")
    if (command is None) == (url is None):
        raise given.refuse(where, "either a command or a url is needed")
    if command is not None and not (
        isinstance(command, (list, tuple)) and command and all(isinstance(part, str) for part in command)
    ):
        raise given.refuse(where, f'command: a list such as ["program", "argument"] is needed, not {shown(command)}')
    if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise given.refuse(where, f"url begins with http:// or https://, which {shown(url)} does not")
    tables = {key: values.get(key) or {} for key in ("env", "headers")}
    for key, table in tables.items():
        if not isinstance(table, Mapping) or not all(isinstance(value, str) for value in table.values()):
            raise given.refuse(where, f"{key}: a table of texts is needed, not {shown(table)}")
    return ServerChoice(
        name=name,
        command=tuple(command or ()),
        url=url,
        cwd=values.get("cwd"),
        safe_to_repeat=bool(values.get("safe_to_repeat", False)),
        needs_approval=bool(values.get("needs_approval", False)),
        **tables,
    )


def _toolset(where: str, server: ServerChoice, around: Surroundings) -> AbstractToolset[None]:
    try:
        from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
        from pydantic_ai.mcp import MCPToolset
    except ImportError:
        raise AgentDefinitionError(f"{where}: mcp_servers: MCP is not installed: pip install 'agentcron[ai]'") from None

    def resolved(table: Mapping[str, str]) -> dict[str, str]:
        at = f"{where}: mcp_servers.{server.name}"
        return {key: around.resolve(f"{at}: {key}", value) if is_reference(value) else value
                for key, value in table.items()}  # fmt: skip

    transport: Any
    if server.url is not None:
        transport = StreamableHttpTransport(server.url, headers=resolved(server.headers))
    else:
        outer = around.environ()
        passed = {name: outer[name] for name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") if name in outer}
        transport = StdioTransport(
            server.command[0],
            list(server.command[1:]),
            # Connections outlive a run and serve the next one too, so no single run can be named.
            env=passed | resolved(server.env) | {MARK: UNNAMED},
            cwd=str((around.base_dir or Path()).absolute() / Path(server.cwd or "").expanduser()),
            keep_alive=False,
            log_file=Path(os.devnull),
        )
    # A tool that fails is told to the model as it is; a limit on tool calls bounds how often it tries again.
    toolset: AbstractToolset[None] = MCPToolset(transport, id=f"mcp-{server.name}", tool_error_behavior="failed")
    toolset = toolset.with_metadata(**{REPEAT: {"repeat": server.safe_to_repeat}})
    return toolset.approval_required() if server.needs_approval else toolset
