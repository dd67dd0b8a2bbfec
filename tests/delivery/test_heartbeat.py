"""A heartbeat says that work begins and ends, to somebody outside who notices when it stops; it is in nobody's way."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentcron import AgentError, ConfigError, ExecutionStatus, InvalidJobError, StoreUnavailable
from agentcron.delivery.endpoints import read_all
from agentcron.delivery.heartbeat import Heartbeat
from agentcron.delivery.message import DeliveryError
from agentcron.delivery.pulse import AT_ONCE, LATE, MOST_WAITING, Pulse, Signal
from agentcron.observability import Log
from agentcron.testing import Environment, FakeClock, create_mock_storage_plugin, create_test_environment
from tests.delivery.conftest import Receiver

S = ExecutionStatus


def beat(receiver: Receiver, **values: Any) -> dict[str, Any]:
    return {"beat": {"kind": "heartbeat", "url": receiver.url("/ping/1"), "allow_private": True, **values}}


def bench(receiver: Receiver, **options: Any) -> Environment:
    return create_test_environment(endpoints=beat(receiver), **options)


async def slot(env: Environment) -> ExecutionStatus:
    """The next hour comes, in a process that runs what is due and ends."""
    await env.clock.advance(timedelta(hours=1))
    await env.plugin.force_evaluation()
    return (await env.runs(include_skipped=True))[-1].status


# --- jobs ---------------------------------------------------------------------------------------------------------


async def test_a_run_is_told_where_it_begins_and_where_it_succeeds(receiver: Receiver) -> None:
    async with bench(receiver) as env:
        await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat")
        assert await slot(env) is S.SUCCESS
    assert [got.path for got in receiver.got] == ["/ping/1/start", "/ping/1"]
    assert {got.method for got in receiver.got} == {"GET"}


async def test_a_run_that_did_not_do_its_work_is_told_as_failed(receiver: Receiver) -> None:
    async with bench(receiver) as env:
        env.agent_factory.then("FAILED: nothing new", AgentError("down", kind="network"))
        await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat")
        assert [await slot(env), await slot(env), await slot(env)] == [S.FAILURE, S.ERROR, S.SUCCESS]
    ends = [got.path.removeprefix("/ping/1") for got in receiver.got]
    assert ends == ["/start", "/fail", "/start", "/fail", "/start", ""]


async def test_a_run_that_is_tried_again_has_not_failed_yet(receiver: Receiver) -> None:
    async with bench(receiver) as env:
        env.agent_factory.then(AgentError("down", retryable=True))
        await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat", retry="attempts=2,backoff=10s")
        await slot(env)
        assert [got.path for got in receiver.got] == ["/ping/1/start"]
        await env.clock.advance(timedelta(minutes=5))
        await env.plugin.force_evaluation()
    assert [got.path for got in receiver.got] == ["/ping/1/start", "/ping/1/start", "/ping/1"]


async def test_nothing_to_do_is_done_well(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "news").write_text("one")
    async with bench(receiver, base_dir=tmp_path) as env:
        await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat", when_changed="file:news")
        assert [await slot(env), await slot(env)] == [S.SUCCESS, S.SKIPPED]
    assert [got.path for got in receiver.got] == ["/ping/1/start", "/ping/1"] * 2


async def test_jobs_without_one_ask_nobody(receiver: Receiver) -> None:
    async with bench(receiver) as env:
        await env.plugin.create_job("report", "every 1h", "hi")
        assert await slot(env) is S.SUCCESS
    assert receiver.got == []


async def test_an_endpoint_that_does_not_answer_holds_no_run_up(receiver: Receiver) -> None:
    receiver.answering.clear()
    async with bench(receiver) as env:
        await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat")
        await env.plugin.start_background_execution()
        await env.advance(3 * 3600)
        assert [row.status for row in await env.runs()] == [S.SUCCESS] * 3
        assert (await receiver.paths(1))[0] == "/ping/1/start"
        receiver.answering.set()


async def test_one_that_is_not_heard_is_told_once_until_it_is_heard_again(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(500, {})] * 4
    caplog.set_level(logging.INFO)
    async with bench(receiver) as env:
        await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat")
        for _ in range(3):
            assert await slot(env) is S.SUCCESS
    told = [record.getMessage().partition("] ")[2] for record in caplog.records if "heartbeat" in record.getMessage()]
    # Each process of its own has its own memory: two pings of the first, two of the second, none of the third.
    assert told == ["heartbeat beat: is not heard: answers 500 Internal Server Error"] * 2


async def test_a_job_whose_heartbeat_is_unknown_is_refused_when_it_is_made(receiver: Receiver) -> None:
    async with bench(receiver) as env:
        with pytest.raises(
            InvalidJobError, match=r"^heartbeat: there is no endpoint 'beet' of kind heartbeat; known are beat"
        ):
            await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beet")
        job_id = await env.plugin.create_job("report", "every 1h", "hi")
        with pytest.raises(InvalidJobError, match="there is no endpoint 'beet'"):
            await env.plugin.update_job(job_id, heartbeat="beet")
        assert await env.plugin.update_job(job_id, heartbeat="beat")
        assert await env.plugin.update_job(job_id, heartbeat=None)
        with pytest.raises(InvalidJobError, match="there is no endpoint 'beat'; "):
            await env.plugin.update_job(job_id, notify="beat: failure")


async def test_it_is_kept_with_the_job_and_not_handed_on_to_jobs_of_its_runs(receiver: Receiver) -> None:
    async with bench(receiver) as env:
        job_id = await env.plugin.create_job("report", "every 1h", "hi", heartbeat="beat")
        job = await env.plugin.get_job(job_id)
        assert job is not None
        assert job.spec.heartbeat == "beat"


# --- the scheduler ------------------------------------------------------------------------------------------------


async def test_the_scheduler_itself_is_heard_each_minute(receiver: Receiver) -> None:
    async with bench(receiver, heartbeat="beat") as env:
        await env.plugin.start_background_execution()
        await env.advance(4)
        assert receiver.got == []
        await env.advance(1)
        assert await receiver.paths(1) == ["/ping/1"]
        for count in (2, 3):
            await env.advance(60)
            assert len(await receiver.paths(count)) == count


async def test_while_what_is_due_is_not_looked_for_the_scheduler_is_silent(receiver: Receiver) -> None:
    storage = create_mock_storage_plugin()
    async with bench(receiver, heartbeat="beat", storage_plugin=storage) as env:
        await env.plugin.start_background_execution()
        await env.advance(10)
        await receiver.paths(1)
        storage.failure = StoreUnavailable("the disk is gone")
        # Until a minute later what was looked for last is fresh.
        await env.advance(60)
        await receiver.paths(2)
        await env.advance(600)
        assert len(receiver.got) == 2
        storage.failure = None
        await env.advance(60)
        await receiver.paths(3)


async def test_the_schedulers_own_heartbeat_must_be_there(receiver: Receiver) -> None:
    async with bench(receiver, heartbeat="beet") as env:
        with pytest.raises(ConfigError, match=r"scheduler\.heartbeat: there is no endpoint 'beet' of kind heartbeat"):
            await env.plugin.start_background_execution()


# --- how pings go out ---------------------------------------------------------------------------------------------


class Slow:
    """Stands where a heartbeat does; each ping waits until it is let go on."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.going_on = asyncio.Event()

    async def ping(self, signal: Signal) -> None:
        self.signals.append(signal)
        await self.going_on.wait()


def pulse(clock: FakeClock, *slow: Slow) -> Pulse:
    named: dict[str, Any] = {str(number): one for number, one in enumerate(slow)}
    return Pulse(named, clock, Log(logging.getLogger("test"), "test"))


async def test_a_ping_that_would_come_late_is_not_sent() -> None:
    clock, slow = FakeClock(), Slow()
    ours = pulse(clock, slow)
    ours.beat("0", Signal.START)
    await clock.advance(timedelta(seconds=1))
    ours.beat("0", Signal.SUCCESS)
    await clock.advance(timedelta(seconds=LATE))
    ours.beat("0", Signal.FAIL)
    await clock.advance(timedelta(seconds=1))
    slow.going_on.set()
    await ours.stop()
    assert slow.signals == [Signal.START, Signal.FAIL]


async def test_those_that_wait_are_bounded_and_the_newest_stay() -> None:
    clock, slow = FakeClock(), Slow()
    ours = pulse(clock, slow)
    ours.beat("0", Signal.START)
    await clock.advance(timedelta(seconds=1))
    for _ in range(1000):
        ours.beat("0", Signal.START)
    ours.beat("0", Signal.FAIL)
    slow.going_on.set()
    await ours.stop()
    assert slow.signals == [Signal.START] * MOST_WAITING + [Signal.FAIL]


async def test_no_more_than_a_few_go_out_at_once() -> None:
    clock, many = FakeClock(), [Slow() for _ in range(50)]
    ours = pulse(clock, *many)
    for number in range(50):
        ours.beat(str(number), Signal.SUCCESS)
    await clock.advance(timedelta(seconds=1))
    assert sum(len(one.signals) for one in many) == AT_ONCE
    for one in many:
        one.going_on.set()
    await ours.stop()
    assert sum(len(one.signals) for one in many) == 50


# --- other services -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "path", "asked"),
    [
        ({}, "/ping/1/", ["/ping/1/start", "/ping/1/", "/ping/1/fail"]),
        ({}, "/ping?key=x", ["/ping/start?key=x", "/ping?key=x", "/ping/fail?key=x"]),
        (
            {"start": "?state=run", "success": "?state=complete", "fail": "?state=fail"},
            "/p/abc",
            ["/p/abc?state=run", "/p/abc?state=complete", "/p/abc?state=fail"],
        ),
        (
            {"start": False, "success": "?status=up", "fail": "?status=down"},
            "/api/push/abc?msg=OK",
            ["/api/push/abc?msg=OK&status=up", "/api/push/abc?msg=OK&status=down"],
        ),
    ],
)
async def test_other_services_have_other_ends(
    receiver: Receiver, values: dict[str, Any], path: str, asked: list[str]
) -> None:
    ours = heartbeat(beat(receiver, url=receiver.url(path), **values))
    for signal in Signal:
        await ours.ping(signal)
    assert [got.path for got in receiver.got] == asked


async def test_its_address_may_be_a_reference_and_is_judged_as_any_other(receiver: Receiver) -> None:
    environ = {"BEAT": receiver.url("/secret")}
    values = {"beat": {"kind": "heartbeat", "url": "env:BEAT"}}
    with pytest.raises(DeliveryError, match=r"nothing is sent to 127\.0\.0\.1: 127\.0\.0\.1 is a loopback address"):
        await heartbeat(values, environ=lambda: environ).ping(Signal.SUCCESS)
    values["beat"]["allow_private"] = True  # type: ignore[assignment]
    await heartbeat(values, environ=lambda: environ).ping(Signal.SUCCESS)
    assert [got.path for got in receiver.got] == ["/secret"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"start": "start"}, 'endpoints.beat: start: a text such as "/start" or "?state=run" is needed, or false'),
        ({"fail": True}, "endpoints.beat: fail: a text such as"),
        ({"fail": "/x\r\nHost: y"}, "endpoints.beat: fail: a text such as"),
        ({"url": "ftp://x"}, "endpoints.beat: url: the address must begin with https:// or http://"),
        ({"secret": "env:X"}, "endpoints.beat: secret is not a key of it"),
    ],
)
def test_what_can_never_work_is_refused_in_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        heartbeat({"beat": {"kind": "heartbeat", "url": "https://x.example/1", **values}})
    assert str(caught.value).startswith(told)


def heartbeat(tables: dict[str, Any], **options: Any) -> Heartbeat:
    return read_all(tables, **options).heartbeats["beat"]
