"""The scheduler in the foreground."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from agentcron.cli.collector import rare_collections
from agentcron.cli.notify_socket import NotifySocket
from agentcron.cli.session import Session, command
from agentcron.cli.words import when
from agentcron.domain.plain_text import plain
from agentcron.schedule import parse_duration

if TYPE_CHECKING:
    from agentcron.plugin import BackgroundJobsPlugin

INTERRUPTED: Final = 130
_STALLED: Final = timedelta(seconds=60)
# A closed terminal is a wish to stop like any other; left alone it would cut every run.
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@command("start", makes_store=True)
@click.option("--for", "duration", metavar="DURATION", help="Stop after this long, such as 30s or 2h.")
def start_command(session: Session, duration: str | None) -> int:
    """Run due jobs in the foreground until Ctrl-C or SIGTERM.

    Running agents get the grace time to end; a second Ctrl-C cuts them at once.

    Example: agentcron start --for 30s
    """
    limit = parse_duration(duration) if duration is not None else None
    with rare_collections():
        code = session.call(lambda plugin: foreground(session, plugin, limit))
    if session.json:
        session.emit({"stopped": True}, "")
    return code


async def _nothing() -> None:
    pass


async def foreground(
    session: Session,
    plugin: BackgroundJobsPlugin,
    limit: timedelta | None,
    *,
    scheduling: bool = True,
    begin: Callable[[], Awaitable[None]] = _nothing,
    end: Callable[[], Awaitable[None]] = _nothing,
) -> int:
    """Run until a signal or ``limit``. ``begin`` is called once the scheduler runs, ``end`` before it is stopped."""
    session.log(logging.DEBUG if session.debug else logging.INFO)
    loop = asyncio.get_running_loop()
    stop, hurry = asyncio.Event(), asyncio.Event()
    caught: list[int] = []

    def asked(number: int) -> None:
        (hurry if stop.is_set() else stop).set()
        caught.append(number)

    for number in _STOPPING:
        loop.add_signal_handler(number, asked, number)
    notify = NotifySocket()
    pinging = None
    try:
        if scheduling:
            others = [node for node in await plugin.get_nodes() if node.alive]
            await plugin.start_background_execution()
            for node in others:
                session.say(f"another scheduler runs the jobs of this store too: pid {node.pid} on {plain(node.host)}")
        await _greet(session, plugin)
        await begin()
        notify.ready(f"running the jobs of {plugin.storage.url}")
        if notify.ping_every is not None:
            pinging = asyncio.create_task(_ping(notify, plugin, notify.ping_every))
        try:
            await asyncio.wait_for(stop.wait(), limit.total_seconds() if limit is not None else None)
        except TimeoutError:
            stop.set()
        notify.stopping()
        await end()
        await _stop(session, plugin, hurry)
    finally:
        if pinging is not None:
            pinging.cancel()
        for number in _STOPPING:
            loop.remove_signal_handler(number)
    return INTERRUPTED if signal.SIGINT in caught else 0


async def _ping(notify: NotifySocket, plugin: BackgroundJobsPlugin, every: float) -> None:
    """Say that this process works, as long as the scheduler in it looks after its runs; else the manager starts it
    again."""
    while True:
        stalled = plugin.stalled_for
        if stalled is None or stalled < _STALLED:
            notify.alive()
        await asyncio.sleep(every)


async def _greet(session: Session, plugin: BackgroundJobsPlugin) -> None:
    first = (await plugin.select_jobs(limit=1)).jobs
    upcoming = first[0].next_run if first else None
    zone = plugin.config.timezone
    soon = f"next run {when(upcoming, zone)}" if upcoming is not None else "nothing is due"
    count = (await plugin.get_statistics()).total_jobs
    told = "1 job" if count == 1 else f"{count} jobs"
    session.say(f"{told} in {plugin.storage.url}; zone {zone}; {soon}; Ctrl-C stops")


async def _stop(session: Session, plugin: BackgroundJobsPlugin, hurry: asyncio.Event) -> None:
    stopping = asyncio.ensure_future(plugin.stop_background_execution())
    hurrying = asyncio.ensure_future(hurry.wait())
    done, _ = await asyncio.wait((stopping, hurrying), timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        session.say("waiting for running agents; Ctrl-C again cuts them")
        done, _ = await asyncio.wait((stopping, hurrying), return_when=asyncio.FIRST_COMPLETED)
    if hurrying in done:
        plugin.hurry_stop()
    hurrying.cancel()
    await stopping
