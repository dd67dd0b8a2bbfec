"""The command that copies a whole store."""

from __future__ import annotations

import asyncio
import logging

import click

from agentcron.cli.session import Session, command

_COUNTED = (("jobs", "job"), ("executions", "execution"), ("inputs", "question"))


@command("migrate-store")
@click.option("--from", "source", metavar="URL_OR_PATH", help="The store to read. [default: the one of the settings]")
@click.option("--to", "target", metavar="URL_OR_PATH", required=True, help="The store to fill; it must be empty.")
def migrate_store_command(session: Session, source: str | None, target: str) -> None:
    """Copy jobs, history, conversations, questions and what was spent into a store of another kind, either way between
    sqlite:///FILE and postgresql://...

    No scheduler may run on the source meanwhile. It stays as it is: start none on it again, or its jobs run twice.

    Example: agentcron migrate-store --from sqlite:///jobs.sqlite --to postgresql://me@db.example/jobs
    """
    from agentcron.storage.moving import move_store
    from agentcron.storage.urls import open_storage

    session.log(logging.DEBUG if session.debug else logging.ERROR)
    old = open_storage(source) if source is not None else session.storage
    new = open_storage(target)
    moved = dict(asyncio.run(move_store(old, new)))
    counts = ", ".join(f"{moved[table]} {word}{'' if moved[table] == 1 else 's'}" for table, word in _COUNTED)
    text = f"{counts} of {old.url} are in {new.url}\nname it in [store] url, and start no scheduler on the old one"
    session.emit({"from": old.url, "to": new.url, "rows": moved}, text)
