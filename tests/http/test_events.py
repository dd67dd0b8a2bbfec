"""A page hears of what happens at once, and is told when it missed something."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from agentcron.http.events import EventRing
from agentcron.http.observed import Happening
from tests.http.conftest import JOB, serving

EVENTS = "/api/v1/events"


async def events_of(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Each event as its fields; heartbeats are left out."""
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value
        elif "event" in event:
            yield event
            event = {}


async def test_fifty_streams_hear_the_same_and_end_with_the_server(tmp_path: Path) -> None:
    heard: list[list[tuple[str, str]]] = [[] for _ in range(50)]
    async with serving(tmp_path, scheduling=True) as service:
        client = service.client()
        ready = asyncio.Semaphore(0)
        done = asyncio.Semaphore(0)

        async def listen(into: list[tuple[str, str]]) -> None:
            async with client.stream("GET", EVENTS) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                async for event in events_of(answer):
                    if event["event"] == "hello":
                        ready.release()
                        continue
                    data = json.loads(event["data"])
                    into.append((event["event"], data["status"]))
                    if data["status"] == "SUCCESS":
                        done.release()

        listeners = [asyncio.create_task(listen(into)) for into in heard]
        for _ in listeners:
            await ready.acquire()
        await client.post("/api/v1/jobs", json=JOB)
        await client.post("/api/v1/jobs/report/run")
        for _ in listeners:
            await done.acquire()
        assert (await client.get("/readyz")).status_code == 200
        closing = asyncio.gather(*listeners)
    await asyncio.wait_for(closing, 30)
    await client.aclose()
    assert all(told == heard[0] for told in heard)
    assert heard[0][0] == ("job", "WAITING")
    assert [status for kind, status in heard[0] if kind == "execution"] == ["PENDING", "RUNNING", "SUCCESS"]


async def test_fifty_streams_go_on_after_their_client_went_away_and_hear_of_a_whole_burst(tmp_path: Path) -> None:
    jobs, streams = 300, 50
    succeeded: list[set[str]] = [set() for _ in range(streams)]
    last = [""] * streams
    async with serving(tmp_path, scheduling=True) as service:
        make = service.plugin.create_job
        ids = await asyncio.gather(*(make(f"job {n}", "0 9 1 6 *", "go", agent="echo") for n in range(jobs)))
        events = service.app.state.service.events
        changed = asyncio.Semaphore(0)

        async def listen(client: httpx.AsyncClient, number: int) -> None:
            headers = {"Last-Event-ID": last[number]} if last[number] else {}
            async with client.stream("GET", EVENTS, headers=headers) as answer:
                async for event in events_of(answer):
                    last[number] = event["id"]
                    data = json.loads(event["data"])
                    ran = data.get("status") == "SUCCESS"
                    if ran:
                        succeeded[number].add(data["job_id"])
                    if event["event"] == "hello" or (ran and len(succeeded[number]) == jobs):
                        changed.release()

        async def opened(client: httpx.AsyncClient) -> list[asyncio.Task[None]]:
            tasks = [asyncio.create_task(listen(client, number)) for number in range(streams)]
            for _ in tasks:
                await changed.acquire()
            assert events.streams == streams
            return tasks

        first = service.client()
        gone = await opened(first)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await first.aclose()
        async with asyncio.timeout(30):
            while events.streams:
                await asyncio.sleep(0)

        # Half of the runs are asked for while nobody listens.
        run = service.plugin.run_job_now
        await asyncio.gather(*(run(job_id) for job_id in ids[: jobs // 2]))
        second = service.client()
        listening = await opened(second)
        await asyncio.gather(*(run(job_id) for job_id in ids[jobs // 2 :]))
        for _ in listening:
            await changed.acquire()
        assert not any(task.done() for task in listening)
        assert (await second.get("/readyz")).status_code == 200
        assert (await second.get("/api/v1/statistics")).json()["total_executions"] == jobs
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await second.aclose()
    assert all(len(heard) == jobs for heard in succeeded)


async def test_a_reader_goes_on_where_its_stream_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as service, service.client() as client:
        async with client.stream("GET", EVENTS) as answer:
            last = (await anext(events_of(answer)))["id"]
        await client.post("/api/v1/jobs", json=JOB)
        async with client.stream("GET", EVENTS, headers={"Last-Event-ID": last}) as answer:
            events = events_of(answer)
            assert (await anext(events))["event"] == "hello"
            assert (await anext(events))["event"] == "job"
        for foreign in ("ffffffff-1", "x", "-", last.partition("-")[0] + "-99999"):
            async with client.stream("GET", EVENTS, headers={"Last-Event-ID": foreign}) as answer:
                assert (await anext(events_of(answer)))["event"] == "reset"


async def test_who_falls_behind_the_ring_reads_again() -> None:
    ring = EventRing(kept=3)
    stream = ring.stream(None)
    assert "retry" in await anext(stream)
    assert "hello" in await anext(stream)
    ring.listen([Happening(job_id=str(number)) for number in range(3)])
    assert (await anext(stream)).count("event: job") == 3
    ring.listen([Happening(job_id=str(number)) for number in range(4)])
    assert "event: reset" in await anext(stream)
    ring.listen([Happening(job_id="x")])
    assert '"id": "x"' in await anext(stream)
    ring.close()
    assert [text async for text in stream] == []
    assert ring.streams == 0


async def test_a_quiet_stream_beats() -> None:
    stream = EventRing().stream(None, heartbeat=0.01)
    await anext(stream)
    await anext(stream)
    assert await anext(stream) == ": beat\n\n"
    await stream.aclose()


async def test_a_page_is_told_of_many_things_by_few_hints() -> None:
    ring = EventRing()
    stream = ring.stream(None, hints=True)
    assert await anext(stream) == "retry: 2000\n"
    await anext(stream)
    ring.listen([Happening(job_id=str(number)) for number in range(5000)])
    first = await anext(stream)
    assert first.count("event: news") == 1
    ring.listen([Happening(job_id="x")])
    second = await anext(stream)
    assert (second.count("event: news"), second == first) == (1, False)
    ring.close()
    assert [text async for text in stream] == []
