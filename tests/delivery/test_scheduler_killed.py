"""A scheduler is killed while it tells somebody: what was not noted as sent is sent again, and no agent runs again."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agentcron.domain.letters import LetterStatus
from agentcron.plugin import BackgroundJobsPlugin
from tests.delivery.conftest import Receiver
from tests.delivery.doomed_scheduler import Later

STORES = {"sqlite": "sqlite:///{}/store.sqlite", "json folder": "fs:{}/store"}
# Longer than a sender that was killed is believed, in seconds.
LATER = 200


class Told:
    """One job, whose one run is told to one receiver by one scheduler after the other."""

    def __init__(self, folder: Path, store: str, receiver: Receiver) -> None:
        self.store = store.format(folder)
        self.receiver = receiver
        self._notes = folder / "agent.log"

    def life(self, later: int, dies: str) -> subprocess.Popen[bytes]:
        module = "tests.delivery.doomed_scheduler"
        given = (self.store, self.receiver.url(), str(self._notes), str(later), dies)
        return subprocess.Popen([sys.executable, "-m", module, *given])

    def live(self, later: int, dies: str) -> int:
        """Live that life to its end; answers the exit code."""
        with self.life(later, dies) as process:
            try:
                return process.wait(60)
            finally:
                process.kill()

    @property
    def ids(self) -> list[str]:
        """The letter that each call of the receiver bore."""
        return [got.headers["webhook-id"] for got in self.receiver.got]

    @property
    def runs(self) -> int:
        return len(self._notes.read_text().splitlines())

    async def send_due(self, later: int) -> None:
        """Do all that is due then, letters too, in this process."""
        table = {"kind": "webhook", "url": self.receiver.url(), "allow_private": True}
        clock = Later(timedelta(seconds=later))
        plugin = BackgroundJobsPlugin(storage_plugin=self.store, endpoints={"ops": table}, clock=clock)
        await plugin.force_evaluation()
        await plugin.close()

    async def letters(self) -> list[tuple[str, LetterStatus]]:
        plugin = BackgroundJobsPlugin(storage_plugin=self.store)
        found = [(letter.id, letter.status) for letter in await plugin.outbox()]
        await plugin.close()
        return found


@pytest.fixture(params=STORES)
def told(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Told:
    return Told(tmp_path, STORES[request.param], receiver)


async def test_a_letter_that_was_taken_and_not_noted_is_sent_again_as_the_same_and_no_agent_for_it(told: Told) -> None:
    assert told.live(0, "before") == -signal.SIGKILL
    [first] = told.ids
    assert await told.letters() == [(first, LetterStatus.PENDING)]
    assert told.live(LATER, "never") == 0
    assert told.ids == [first, first]
    assert told.receiver.got[0].body == told.receiver.got[1].body
    assert await told.letters() == [(first, LetterStatus.SENT)]
    assert told.runs == 1


async def test_a_letter_whose_receiver_had_not_answered_yet_is_sent_again_as_the_same(told: Told) -> None:
    told.receiver.answering.clear()
    with told.life(0, "never") as process:
        told.receiver.wait(1)
        process.kill()
    told.receiver.answering.set()
    assert told.live(LATER, "never") == 0
    first, second = told.ids
    assert first == second
    assert await told.letters() == [(first, LetterStatus.SENT)]
    assert told.runs == 1


async def test_a_letter_that_was_noted_as_sent_is_not_sent_again(told: Told) -> None:
    assert told.live(0, "after") == -signal.SIGKILL
    assert await told.letters() == [(told.ids[0], LetterStatus.SENT)]
    await told.send_due(LATER)
    assert len(told.ids) == 1
    assert told.runs == 1


async def test_a_sender_that_may_still_live_is_believed_for_a_while(told: Told) -> None:
    assert told.live(0, "before") == -signal.SIGKILL
    await told.send_due(0)
    assert len(told.ids) == 1
    await told.send_due(LATER)
    assert len(told.ids) == 2
    assert told.runs == 1
