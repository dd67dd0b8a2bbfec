"""What becomes of three due slots, for every overlap, catch-up, situation and limit: written from the contract by hand.

A job is due at every full hour. Nobody planned its slots of 13:00, 14:00 and 15:00, because the machine slept or no
scheduler was up. The first look at it is either at 15:30, when all three are late, or half a minute after 15:00, when
that one is on time. The tests run each combination; ``docs/policy-table.md`` is printed from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agentcron.domain.policies import CatchUp, Overlap


class Situation(StrEnum):
    """What an earlier execution of the job is doing when the three slots are looked at."""

    IDLE = "nothing open"
    RUNNING = "running"
    RETRYING = "retrying"
    PARKED = "parked"
    PAUSED = "paused"


class Look(StrEnum):
    """When the slots are looked at first."""

    LATE = "all late"
    MIXED = "the last on time"


class Limit(StrEnum):
    """What ``max_runs`` leaves."""

    NONE = "no limit"
    ONE_LEFT = "one run left"
    SPENT = "the open run is the last"


class Fate(StrEnum):
    """What becomes of one slot."""

    RUNS = "runs"  # begins at this look, beside what is open
    WAITS = "waits"  # runs when what is before it in its lane has ended
    OVERLAP = "overlap"
    COALESCED = "coalesced"
    TOO_LATE = "too_late"
    LIMIT = "limit"
    PAUSED = "paused"


# overlap           catch_up | no limit: 13:00 14:00 15:00      | one run left; = where it is the same
# "cancel" in front: the execution that is open is canceled.
_NOTHING_OPEN_LATE = """
*                      skip   | too_late too_late too_late      | =
*                      latest | coalesced coalesced runs        | =
*                      all    | runs waits waits                | runs limit limit
"""
_NOTHING_OPEN_MIXED = """
*                      skip   | too_late too_late runs          | =
*                      latest | coalesced coalesced runs        | =
skip,buffer_one        all    | runs waits overlap              | runs limit limit
buffer_all             all    | runs waits waits                | runs limit limit
cancel_other           all    | runs waits waits                | runs limit limit
allow_all              all    | runs waits runs                 | runs limit limit
"""
# A run, and one between two attempts, keep the lane of their job. Only allow_all has no lane.
_IN_LANE_LATE = """
*                                          skip   | too_late too_late too_late | =
skip,buffer_one,buffer_all,cancel_other    latest | coalesced coalesced waits  | =
allow_all                                  latest | coalesced coalesced runs   | =
skip,buffer_one,buffer_all,cancel_other    all    | waits waits waits          | waits limit limit
allow_all                                  all    | runs waits waits           | runs limit limit
"""
_IN_LANE_MIXED = """
skip                   skip   | too_late too_late overlap       | =
buffer_one,buffer_all  skip   | too_late too_late waits         | =
cancel_other           skip   | cancel too_late too_late runs   | =
allow_all              skip   | too_late too_late runs          | =
skip                   latest | coalesced coalesced overlap     | =
buffer_one,buffer_all  latest | coalesced coalesced waits       | =
cancel_other           latest | cancel coalesced coalesced runs | =
allow_all              latest | coalesced coalesced runs        | =
skip,buffer_one        all    | waits waits overlap             | waits limit limit
buffer_all             all    | waits waits waits               | waits limit limit
cancel_other           all    | cancel runs waits waits         | waits limit limit
allow_all              all    | runs waits runs                 | runs limit limit
"""
# A parked run counts as open and keeps neither a place nor the lane.
_PARKED_LATE = """
*                      skip   | too_late too_late too_late      | =
*                      latest | coalesced coalesced runs        | =
*                      all    | runs waits waits                | runs limit limit
"""
_PARKED_MIXED = """
skip                   skip   | too_late too_late overlap       | =
buffer_one,buffer_all  skip   | too_late too_late runs          | =
cancel_other           skip   | cancel too_late too_late runs   | =
allow_all              skip   | too_late too_late runs          | =
skip                   latest | coalesced coalesced overlap     | =
buffer_one,buffer_all  latest | coalesced coalesced runs        | =
cancel_other           latest | cancel coalesced coalesced runs | =
allow_all              latest | coalesced coalesced runs        | =
skip,buffer_one        all    | runs waits overlap              | runs limit limit
buffer_all             all    | runs waits waits                | runs limit limit
cancel_other           all    | cancel runs waits waits         | runs limit limit
allow_all              all    | runs waits runs                 | runs limit limit
"""
# The look is the resume: whatever the policies are, nothing of a pause is caught up.
_PAUSED = """
*                      skip   | paused paused paused            | =
*                      latest | paused paused paused            | =
*                      all    | paused paused paused            | =
"""
# Where the open run is the last, the slots wait for its end: had it never begun, it would give its run back.
_SPENT: Final = "limit limit limit"

_WRITTEN: Final = {
    (Situation.IDLE, Look.LATE): _NOTHING_OPEN_LATE,
    (Situation.IDLE, Look.MIXED): _NOTHING_OPEN_MIXED,
    (Situation.RUNNING, Look.LATE): _IN_LANE_LATE,
    (Situation.RUNNING, Look.MIXED): _IN_LANE_MIXED,
    (Situation.RETRYING, Look.LATE): _IN_LANE_LATE,
    (Situation.RETRYING, Look.MIXED): _IN_LANE_MIXED,
    (Situation.PARKED, Look.LATE): _PARKED_LATE,
    (Situation.PARKED, Look.MIXED): _PARKED_MIXED,
    (Situation.PAUSED, Look.LATE): _PAUSED,
    (Situation.PAUSED, Look.MIXED): _PAUSED,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One combination, and what it comes to once everything that it begins has ended."""

    situation: Situation
    look: Look
    overlap: Overlap
    catch_up: CatchUp
    limit: Limit
    fates: tuple[Fate, ...]
    cancels: bool

    @property
    def completes(self) -> bool:
        """Whether the job is COMPLETED in the end: the last run that ``max_runs`` allows has begun and ended."""
        ran = sum(fate in (Fate.RUNS, Fate.WAITS) for fate in self.fates)
        return self.limit is Limit.SPENT or (self.limit is Limit.ONE_LEFT and ran == 1)

    def __str__(self) -> str:
        parts = self.situation, self.look, f"overlap={self.overlap}", f"catch_up={self.catch_up}", self.limit
        return ", ".join(parts)


def cases() -> Iterator[Case]:
    """Every combination once, in the order of the page."""
    for (situation, look), text in _WRITTEN.items():
        found: dict[tuple[Overlap, CatchUp, Limit], str] = {}
        for line in text.strip().splitlines():
            key, free, one_left = (part.strip() for part in line.split("|"))
            overlaps, catch_up = key.split()
            for overlap in Overlap if overlaps == "*" else map(Overlap, overlaps.split(",")):
                for limit, cell in _by_limit(situation, free, free if one_left == "=" else one_left):
                    place = overlap, CatchUp(catch_up), limit
                    assert place not in found, f"written twice: {situation}, {look}, {place}"
                    found[place] = cell
        for overlap in Overlap:
            for catch_up in CatchUp:
                for limit in Limit:
                    # With nothing open and no run left the job is COMPLETED: there is no such situation.
                    if situation is not Situation.IDLE or limit is not Limit.SPENT:
                        yield _case(situation, look, overlap, catch_up, limit, found[overlap, catch_up, limit])


def _by_limit(situation: Situation, free: str, one_left: str) -> Iterator[tuple[Limit, str]]:
    yield Limit.NONE, free
    yield Limit.ONE_LEFT, one_left
    yield Limit.SPENT, free if situation is Situation.PAUSED else _SPENT


def _case(situation: Situation, look: Look, overlap: Overlap, catch_up: CatchUp, limit: Limit, cell: str) -> Case:
    words = cell.split()
    cancels = words[0] == "cancel"
    fates = tuple(map(Fate, words[cancels:]))
    assert len(fates) == 3, cell
    return Case(
        situation=situation, look=look, overlap=overlap, catch_up=catch_up, limit=limit, fates=fates, cancels=cancels
    )
