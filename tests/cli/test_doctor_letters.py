"""What ``doctor`` finds among the letters of a store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentcron.cli.doctor_letters import letter_findings
from agentcron.delivery.message import DeliveryError
from agentcron.storage.memory import MemoryStorage
from agentcron.storage.urls import open_storage
from tests.cli.conftest import Command, Result
from tests.outbox.conftest import make_bench

ENDPOINTS = """
[endpoints.ops]
kind = "file"
path = "told.jsonl"

[endpoints.boss]
kind = "file"
path = "boss.jsonl"
"""
GONE = DeliveryError("410 Gone", retryable=False)
BUSY = DeliveryError("503 Busy", retryable=True)


@pytest.fixture(params=["sqlite", "json folder", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return {"sqlite": f"sqlite:///{tmp_path}/told.sqlite", "json folder": f"fs:{tmp_path}/told"}[request.param]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> Path:
    (tmp_path / "agentcron.toml").write_text(ENDPOINTS)
    return tmp_path / "agentcron.toml"


def lived(store: str, ago: timedelta, ops: list[DeliveryError], boss: list[DeliveryError]) -> list[str]:
    """So many runs of a job were told, or tried to be; answers the letters, newest first."""

    async def live() -> list[str]:
        bench = make_bench(open_storage(store))
        bench.clock.set(datetime.now(UTC) - ago)
        bench.ops.errors.extend(ops)
        bench.boss.errors.extend(boss)
        await bench.job(notify=["ops: success", "boss: success"], agent="echo")
        for _ in range(max(len(ops), len(boss), 1)):
            await bench.plugin.run_here(await bench.plugin.run_job_now(bench.job_id))
        found = [letter.id for letter in await bench.plugin.outbox()]
        await bench.plugin.close()
        return found

    return asyncio.run(live())


def about_letters(done: Result) -> list[tuple[str, str, str]]:
    assert done.code == 0
    return [(row["verdict"], row["detail"], row["fix"]) for row in done.json if row["check"] == "letters"]


def test_letters_that_were_sent_or_wait_for_a_moment_are_no_finding(agentcron: Command, store: str) -> None:
    lived(store, timedelta(minutes=10), [], [BUSY])
    assert about_letters(agentcron("doctor", "--store", store, "--json")) == []


def test_letters_that_were_given_up_are_told_with_the_command_that_sends_them_again(
    agentcron: Command, store: str
) -> None:
    letters = lived(store, timedelta(days=2), [GONE, GONE], [])
    [(verdict, detail, fix)] = about_letters(agentcron("doctor", "--store", store, "--json"))
    assert (verdict, detail) == ("warn", "2 letters were given up, the last one to ops: 410 Gone")
    named = fix.removeprefix("agentcron endpoints --test ops, then agentcron resend ")
    assert named in letters
    assert agentcron("resend", named, "--store", store).code == 0
    [(_, detail, _), waits] = about_letters(agentcron("doctor", "--store", store, "--json"))
    assert detail.startswith("1 letter was given up")
    assert waits[1].startswith("1 letter waits")


def test_letters_that_wait_for_long_are_told_with_what_they_wait_for(agentcron: Command, store: str) -> None:
    lived(store, timedelta(hours=2), [BUSY] * 3, [BUSY])
    [(verdict, detail, fix)] = about_letters(agentcron("doctor", "--store", store, "--json"))
    assert (verdict, detail) == ("warn", "4 letters wait for more than 1h, to boss, ops: 503 Busy")
    assert fix == "agentcron start sends them"


def test_letters_to_an_endpoint_that_is_not_configured_are_told_at_once(
    agentcron: Command, store: str, settings: Path
) -> None:
    lived(store, timedelta(minutes=1), [BUSY], [])
    settings.write_text("")
    [found] = about_letters(agentcron("doctor", "--store", store, "--json"))
    assert found == ("warn", "1 letter waits for the endpoint 'ops', which is not configured", "write [endpoints.ops]")


async def test_while_a_scheduler_runs_it_is_the_endpoint_that_is_to_be_tried() -> None:
    bench = make_bench(MemoryStorage())
    bench.ops.errors.append(BUSY)
    await bench.job(notify="ops: success")
    await bench.slot("done")
    async with bench.plugin:
        later = bench.clock.now() + timedelta(hours=2)
        [found] = [one async for one in letter_findings(bench.plugin.storage, ["ops"], later)]
    assert (found.detail, found.fix) == (
        "1 letter waits for more than 1h, to ops: 503 Busy",
        "agentcron endpoints --test ops",
    )
