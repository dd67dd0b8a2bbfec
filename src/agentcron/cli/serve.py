"""The scheduler and the HTTP service in one process."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.access import Scope, TokenFile, token_file
from agentcron.cli.collector import rare_collections
from agentcron.cli.session import Session, command
from agentcron.cli.start import foreground
from agentcron.errors import ConfigError
from agentcron.ports import SystemClock

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

PORT: Final = 8642
_FIRST: Final = "first"


@command("serve", makes_store=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one.")
@click.option("--no-scheduler", is_flag=True, help="Serve HTTP alone; another process runs the jobs.")
@click.option("--allow-host", "more_hosts", multiple=True, metavar="NAME", help="Answer under this name too.")
def serve_command(session: Session, host: str, port: int, no_scheduler: bool, more_hosts: tuple[str, ...]) -> int:
    """Run due jobs, serve the dashboard and the HTTP API until Ctrl-C. Only this machine can reach it unless --host
    says more.

    Each start prints a link that logs one browser in. At the first start a token is made and shown once; 'agentcron
    token create' makes more.

    Example: agentcron serve --port 8642
    """
    try:
        from agentcron.http import server
        from agentcron.http.app import make_app
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'agentcron[server]'") from error

    _check_host(host)
    tokens = token_file(session.storage)
    server.check_reach(host, tokens)
    listener = server.listen(host, port)
    shown = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

    async def work(plugin: BackgroundJobsPlugin) -> int:
        app = make_app(
            plugin,
            tokens,
            hosts=server.allowed_hosts(host, more_hosts),
            scheduling=not no_scheduler,
            doctor=lambda: findings(session),
        )
        serving = server.Server(app, listener)

        async def begin() -> None:
            await serving.open()
            secret = await asyncio.to_thread(_first_token, tokens)
            if secret is not None:
                session.say(f"a token for you (admin), shown this once: {secret}")
            if not server.is_loopback(host):
                session.say("others can reach this and it is not encrypted; put a proxy with TLS before it")
            session.say(f"agentcron serves {shown}")
            code = await asyncio.to_thread(app.state.sessions.link, SystemClock().now())
            link = f"{shown}/login/{code}" if code is not None else None
            if link is not None:
                session.say(f"open {link}   (logs one browser in, once, within an hour)")
            if session.json:
                session.emit({"url": shown, "token": secret, "login": link}, "")

        try:
            return await foreground(session, plugin, None, scheduling=not no_scheduler, begin=begin, end=serving.close)
        finally:
            await serving.close()

    # Who asks over the network does not know where this machine stands.
    zone = session.config.timezone.value or "UTC"
    with rare_collections():
        return session.call(work, level=logging.INFO, zone=zone)


def _check_host(host: str) -> None:
    """Raise ``ConfigError`` where no port at all can be had there: an unknown name, an address of another machine."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except (OSError, UnicodeError) as error:
            raise ConfigError(
                f"--host: {host} is no address of this machine that can be listened on; give one, such as 127.0.0.1, "
                "or 0.0.0.0 for all of them"
            ) from error


def _first_token(tokens: TokenFile) -> str | None:
    """A token where none is there yet."""
    return None if tokens.all() else tokens.create(_FIRST, Scope.ADMIN, SystemClock().now())


def findings(session: Session) -> list[dict[str, Any]]:
    """What ``agentcron doctor`` finds, for a caller whose own store stays open and whose log stays as it is."""
    from agentcron.cli.doctor import examine

    class Quiet(Session):
        def log(self, level: int) -> None:
            pass

        def say(self, text: str) -> None:
            pass

    apart = Quiet(config_file=session.config_file, store=session.store, json=True, debug=session.debug)
    return [asdict(finding) for finding in examine(apart)]
