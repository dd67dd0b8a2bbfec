"""A scheduler that is killed again and again loses nothing, starts nothing twice and leaves nothing open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kill.harness import run
from tests.kill.plants import PLANTS

Record = Callable[[str, object], None]
KILLS = int(os.environ.get("AGENTCRON_KILLS", "15"))
SEED = os.environ.get("AGENTCRON_SEED", "kill")
# From so many kills on, each of these faults must have been the end of a life.
MANY = 200
FAULTS = {
    f"{side} {name}" for side in ("before", "after") for name in ("commit", "commit_and_claim", "claim", "settle")
}
WITHIN = {"sqlite": {"within transaction"}, "json": {"within fsync", "within replace"}}
# In so many kills a planted bug must be found.
FEW = 2


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("kind", ["sqlite", "json"])
def test_a_store_survives_every_kill(kind: str, tmp_path: Path, record_property: Record) -> None:
    report = run(kind, tmp_path, KILLS, SEED)
    record_property("figures", f"kill -9, {kind}, seed {SEED!r}: {report}")
    assert report.verdict.problems == []
    assert report.kills == KILLS
    # Slots come with the seconds of the clock on the wall, not with the kills: a fast machine sees few.
    assert report.verdict.looked_at["slots"] > 0
    assert report.verdict.looked_at["starts"] >= KILLS
    assert report.verdict.looked_at["acknowledged writes"] >= KILLS
    if KILLS >= MANY:
        assert set(report.deaths) >= FAULTS | WITHIN[kind]


@pytest.mark.parametrize(
    ("planted", "found_as"),
    [
        ("double start", "double_starts"),
        ("lost row", "slots"),
        ("lost write", "lost_writes"),
        ("changed final", "changed"),
    ],
)
def test_the_harness_finds_a_planted_bug(planted: str, found_as: str, tmp_path: Path) -> None:
    assert planted in PLANTS
    assert getattr(run("json", tmp_path, FEW, SEED, planted).verdict, found_as)
