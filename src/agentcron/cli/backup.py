"""A copy of the store, while it is in use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from agentcron.cli.session import Session, command


@command("backup")
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace FILE where it exists.")
def backup_command(session: Session, file: str, force: bool) -> None:
    """Copy the store to FILE while it is in use (of a JSON folder: to a folder).

    The copy is checked, and can be used as a store at once: that is how it is restored.

    Example: agentcron backup before-upgrade.sqlite
    """
    place = Path(file).expanduser().absolute()
    # Without the facade: a definition that cannot work must not stand in the way of a backup.
    size = asyncio.run(session.storage.backup(place, overwrite=force))
    session.emit({"file": str(place), "bytes": size}, f"wrote {place}, {size:,} bytes; use it with --store {place}")
