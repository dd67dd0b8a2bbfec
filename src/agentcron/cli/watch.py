"""The command that notices from outside that no scheduler runs, and tells it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agentcron.cli.session import Session, command
from agentcron.errors import AgentcronError, ConfigError, NotFoundError
from agentcron.ports import SystemClock
from agentcron.schedule import parse_duration

if TYPE_CHECKING:
    from agentcron.delivery.message import Sender
    from agentcron.delivery.watching import Sighting, Watched
    from agentcron.ports import JobStore
    from agentcron.redaction import Redactor

LOST: Final = 1
INTERRUPTED: Final = 130
_ANSWER_WITHIN: Final = 10.0
_TRY_WITHIN: Final = 60.0


@command("watch")
@click.option("--to", "names", multiple=True, metavar="ENDPOINT", help="Tell this endpoint; may be given again.")
@click.option("--after", default="2m", show_default=True, metavar="DURATION", help="Lost after so long unseen.")
@click.option("--every", default="15s", show_default=True, metavar="DURATION", help="How often to look.")
@click.option("--url", metavar="ADDRESS", help="Ask /readyz of 'agentcron serve' instead of looking into the store.")
@click.option("--once", is_flag=True, help="Look once: exit code 0 where one is seen or is not lost yet, 1 where lost.")
@click.option("--state", type=click.Path(path_type=Path), metavar="FILE", help="Where to keep what was told.")
def watch_command(
    session: Session, names: tuple[str, ...], after: str, every: str, url: str | None, once: bool, state: Path | None
) -> int:
    """Tell endpoints when no scheduler has been seen on this store, once, and when one is back.

    Run it beside the scheduler, as a service of its own or on another machine; it runs no jobs.

    Example: agentcron watch --to ops --after 5m
    """
    from agentcron.redaction import Redactor

    redactor = Redactor(os.environ)
    place = url or session.storage.url
    watch = Watch(
        session=session,
        senders=_senders(session, names, redactor),
        after=parse_duration(after),
        url=url,
        place=place,
        state=state or _state_file(place, names),
        redactor=redactor,
    )
    # What a store logs while it cannot be read is told by this command.
    session.log(logging.DEBUG if session.debug else logging.CRITICAL)
    if once:
        return asyncio.run(watch.look())
    return asyncio.run(_go_on(watch, parse_duration(every)))


@dataclass(kw_only=True)
class Watch:
    """Looks, remembers and tells."""

    session: Session
    senders: Mapping[str, Sender]
    after: timedelta
    url: str | None
    place: str
    state: Path
    redactor: Redactor
    found: str | None = None

    async def look(self) -> int:
        """Look once, and tell whoever does not know yet. Answers the exit code."""
        from agentcron.delivery import watching

        sighting = await self._sighting()
        now = SystemClock().now()
        state = watching.looked(watching.load(self.state), sighting, now, self.after)
        # Kept before anybody is told: what cannot be kept would be told again at each look.
        watching.save(self.state, state)
        lost = state.lost is not None and not sighting.alive
        self._say(sighting, lost, state)
        message = watching.message(state, sighting, self.place, socket.gethostname(), now)
        for name in sorted(watching.to_tell(state, sighting.alive, self.senders)):
            try:
                async with asyncio.timeout(_TRY_WITHIN):
                    await self.senders[name].send(message)
            except (AgentcronError, TimeoutError) as error:
                told = self.redactor.text(str(error)) or f"no answer within {_TRY_WITHIN:g} s"
                self.session.say(f"{name} could not be told, and is at the next look: {told}")
            else:
                state = watching.was_told(state, sighting.alive, name)
                watching.save(self.state, state)
                self.session.say(f"{name} was told: {message.subject}")
        return LOST if lost else 0

    async def _sighting(self) -> Sighting:
        return await (_asked(self.url) if self.url is not None else _looked(self.session.storage))

    def _say(self, sighting: Sighting, lost: bool, state: Watched) -> None:
        """On standard output, where it is another thing than at the last look."""
        word = "lost" if lost else "seen" if sighting.alive else "unseen"
        if word == self.found:
            return
        self.found = word
        value = {"state": word, "since": state.since.isoformat(), "found": sighting.told, "place": self.place}
        self.session.emit(value, f"{word}: {sighting.told}")


async def _go_on(watch: Watch, every: timedelta) -> int:
    stop = asyncio.Event()
    caught: list[int] = []
    loop = asyncio.get_running_loop()

    def asked(number: int) -> None:
        caught.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked, number)
    while not stop.is_set():
        await watch.look()
        try:
            await asyncio.wait_for(stop.wait(), every.total_seconds())
        except TimeoutError:
            continue
    return INTERRUPTED if signal.SIGINT in caught else 0


async def _looked(storage: JobStore) -> Sighting:
    """Whether a process runs the jobs of the store. Nothing is made where there is none."""
    from agentcron.delivery.watching import Sighting

    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            if not await _is_made(storage):
                return Sighting(alive=False, told=f"there is no store at {storage.url}")
            await storage.open()
            try:
                nodes = await storage.nodes()
            finally:
                await storage.close()
    except TimeoutError:
        return Sighting(alive=False, told=f"the store does not answer within {_ANSWER_WITHIN:g} s")
    except (AgentcronError, OSError) as error:
        return Sighting(alive=False, told=f"the store cannot be read: {error}")
    alive = [node for node in nodes if node.alive]
    if alive:
        return Sighting(alive=True, told=f"{alive[0].id} on {alive[0].host}, pid {alive[0].pid}")
    if not nodes:
        return Sighting(alive=False, told="no scheduler ever ran on this store")
    last = max(nodes, key=lambda node: node.seen_at)
    how = "was stopped" if last.stopped_at is not None else "is gone, last seen"
    told = f"{last.id} on {last.host}, pid {last.pid}, {how} at {_told(last.seen_at)}"
    return Sighting(alive=False, told=told, seen=last.seen_at)


async def _asked(url: str) -> Sighting:
    """What the readiness of a server says."""
    from agentcron.delivery.addresses import read_url
    from agentcron.delivery.calls import Call, call
    from agentcron.delivery.message import DeliveryError
    from agentcron.delivery.watching import Sighting

    try:
        asked = Call(url=read_url(url), headers={}, body=None, allow_private=True, seconds=_ANSWER_WITHIN)
        await call(asked, SystemClock().now())
    except ConfigError as error:
        raise ConfigError(f"--url: {error}") from None
    except DeliveryError as error:
        return Sighting(alive=False, told=f"{url}: {error}")
    return Sighting(alive=True, told=f"{url} is ready")


async def _is_made(storage: JobStore) -> bool:
    folder = getattr(storage, "folder", None)
    if folder is not None:
        return bool(folder.path.exists())
    is_made: Any = getattr(storage, "is_made", None)
    return is_made is None or bool(await is_made())


def _senders(session: Session, names: Sequence[str], redactor: Redactor) -> Mapping[str, Sender]:
    from agentcron.delivery.endpoints import read_endpoints

    config = session.config
    try:
        known = read_endpoints(config.endpoints, base_dir=config.base_dir, redactor=redactor)
    except ConfigError as error:
        raise ConfigError(f"{config.file}: {error}") from error
    for name in names:
        if name not in known:
            have = ", ".join(sorted(known)) or f"none; write [endpoints.{name}] into {config.file or 'agentcron.toml'}"
            raise NotFoundError(f"endpoint {name!r} is unknown; known are {have}")
    return {name: known[name] for name in names}


def _state_file(place: str, names: Sequence[str]) -> Path:
    """One file for each watch, so that two of them do not tell for each other."""
    import platformdirs

    key = hashlib.sha256("\0".join((place, *sorted(names))).encode()).hexdigest()[:16]
    return Path(platformdirs.user_state_dir("agentcron", appauthor=False)) / f"watch-{key}.json"


def _told(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
