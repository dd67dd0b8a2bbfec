"""Commands about tokens: who may use the HTTP API, and how much."""

from __future__ import annotations

import click

from agentcron.access import Scope, token_file
from agentcron.cli.session import Session, command
from agentcron.ports import SystemClock


@click.group("token")
def token_command() -> None:
    """Make, list and revoke the tokens of the HTTP API and of MCP over HTTP."""


@command("create")
@click.option("--name", required=True, help="What to call it, such as the program that uses it.")
@click.option(
    "--scope", required=True, type=click.Choice([scope.value for scope in Scope]), help="read < run < write < admin."
)
def token_create_command(session: Session, name: str, scope: str) -> None:
    """Make a token. It is shown this once; only its hash is kept.

    Example: agentcron token create --name dashboard --scope read
    """
    secret = token_file(session.storage).create(name, Scope(scope), SystemClock().now())
    session.say(f"token {name} ({scope}), shown this once:")
    session.emit({"name": name, "scope": scope, "token": secret}, secret)


@command("list")
def token_list_command(session: Session) -> None:
    """List the tokens, without their secrets.

    Example: agentcron token list
    """
    tokens = token_file(session.storage).all()
    rows = [(token.name, token.scope.value, token.created) for token in tokens]
    session.emit(
        [{"name": name, "scope": scope, "created": created} for name, scope, created in rows],
        lambda: session.table(("NAME", "SCOPE", "CREATED"), rows, "no tokens"),
    )


@command("revoke")
@click.argument("name")
def token_revoke_command(session: Session, name: str) -> None:
    """Make a token worthless, at once, for a running server too.

    Example: agentcron token revoke dashboard
    """
    token_file(session.storage).revoke(name)
    session.emit({"name": name, "revoked": True}, f"revoked {name}")


for _made in (token_create_command, token_list_command, token_revoke_command):
    token_command.add_command(_made)
