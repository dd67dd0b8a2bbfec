"""How long pages and reads of `agentcron serve` take, with much in the store and while very much is due.

    python -m benchmarks.reads [--jobs 1000] [--runs 100000] [--due 10000] [--streams 50] [--rounds 3] [--looks 15]

A server of its own process over a store that was filled beforehand. First every page and every read of the API, some
looks in each round; then bursts of jobs due at one instant, with no limit at once and with ten, while a browser and a
program read all the time and streams of events are open. Wall time moves with what else the machine does: an answer
that needs no store stands beside the others, and what each costs the server in CPU. With --longest the bursts also tell
what held the event loop of the server. On a machine that others keep busy, give it a share of its own:

    setsid bash -c 'echo -6 > /proc/$$/autogroup; exec python -m benchmarks.reads --keep'
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks import results
from benchmarks.goals import MACHINE, OURS
from benchmarks.longest import LONGEST
from benchmarks.measure import calibration_seconds, percentile
from benchmarks.served import Served, Streams, copied, fill, look, look_again, make_due, served

EMPTY: Final = "(an answer without a store)"
PLACES: Final = 10
PAUSE_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 120
PAGE_P50_MS: Final = 300
READ_P99_MS: Final = 250

Looks = dict[str, list[float]]


async def addresses(server: Served) -> tuple[dict[str, str], dict[str, str]]:
    """Every page and every read of the API, each by its name."""
    api = "/api/v1"
    job = (await server.program.get(f"{api}/jobs?limit=1")).json()[0]["id"]
    run = (await server.program.get(f"{api}/executions?job={job}&limit=1")).json()[0]["id"]
    pages = {
        "overview": "/",
        "jobs": "/jobs",
        "jobs by name, page 9": "/jobs?sort=name&page=9",
        "jobs filtered": "/jobs?q=job+1&tag=team-3",
        "job": f"/jobs/{job}",
        "run": f"/executions/{run}",
        "form": "/jobs/new",
        "edit": f"/jobs/{job}/edit",
        "timeline 1h": "/timeline?span=1h",
        "timeline 6h": "/timeline",
        "timeline 24h": "/timeline?span=24h",
        "timeline 7d": "/timeline?span=7d",
        "inbox": "/inbox",
        "settings": "/settings",
        "nodes": "/nodes",
    }
    reads = {
        "100 jobs": f"{api}/jobs",
        "1,000 jobs": f"{api}/jobs?limit=1000",
        "jobs by status": f"{api}/jobs?status=RUNNING",
        "jobs by tag": f"{api}/jobs?tag=team-3&limit=50",
        "a job": f"{api}/jobs/{job}",
        "50 executions": f"{api}/executions",
        "50 of a job": f"{api}/executions?job={job}",
        "50 that failed": f"{api}/executions?status=FAILURE",
        "an execution": f"{api}/executions/{run}",
        "statistics": f"{api}/statistics",
        "usage by job": f"{api}/usage",
        "usage by day": f"{api}/usage?by=day",
        "inbox": f"{api}/inbox",
        "why": f"{api}/jobs/{job}/why?at=2026-01-01T00:00",
        "metrics": "/metrics",
    }
    return pages, {f"api: {name}": path for name, path in reads.items()}


async def still(folder: Path, rounds: int, looks: int) -> tuple[Looks, dict[str, float]]:
    """Each page and read while little happens: seconds of each look, and CPU seconds of the server for one."""
    found, cpu = Looks(), dict[str, float]()
    async with served(folder) as server:
        pages, reads = await addresses(server)
        asked = [(EMPTY, server.browser, "/healthz")]
        asked += [(name, server.browser, path) for name, path in pages.items()]
        asked += [(name, server.program, path) for name, path in reads.items()]
        for _, client, path in asked:
            await look(client, path)
        for _ in range(rounds):
            for name, client, path in asked:
                before = server.cpu_seconds()
                found.setdefault(name, []).extend([await look(client, path) for _ in range(looks)])
                cpu[name] = cpu.get(name, 0.0) + (server.cpu_seconds() - before) / looks / rounds
    return found, cpu


async def busy(
    folder: Path, due: int, places: int, streams: int, *, watched: bool = False
) -> tuple[Looks, dict[str, float]]:
    """Reads while so many jobs are due and so many streams are open: seconds of each look, and what became of it."""
    at = datetime.now(UTC) + timedelta(seconds=12 + due / 1000)
    await make_due(folder, due, at)
    found = Looks()
    async with served(folder, places or due, watched=watched) as server:
        open_streams = Streams()
        await open_streams.open(server, streams)
        pages, reads = await addresses(server)
        chosen = [("overview", "/"), ("jobs", "/jobs"), ("timeline 6h", "/timeline"), ("inbox", "/inbox")]
        chosen += [(name, pages[name]) for name in ("job", "run", "settings")]
        names = ("100 jobs", "jobs by tag", "a job", "50 executions", "50 of a job", "an execution", "usage by day")
        programs = [(name, reads[name]) for name in (f"api: {name}" for name in names)]
        before = await ended(server)
        await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        used, began = server.cpu_seconds(), time.perf_counter()
        readers = [
            asyncio.create_task(look_again(server.browser, [(EMPTY, "/healthz")], found, PAUSE_SECONDS)),
            asyncio.create_task(look_again(server.browser, chosen, found, PAUSE_SECONDS)),
            asyncio.create_task(look_again(server.program, programs, found, PAUSE_SECONDS)),
        ]
        done = 0
        while done < due and time.perf_counter() < began + PATIENCE_SECONDS:
            await asyncio.sleep(5 * PAUSE_SECONDS)
            asked = time.perf_counter()
            done = await ended(server) - before
            found.setdefault("api: statistics", []).append(time.perf_counter() - asked)
        took, used = time.perf_counter() - began, server.cpu_seconds() - used
        for reader in readers:
            if reader.done():
                reader.result()
            reader.cancel()
        told = {
            "drain_s": took, "left": max(0, due - done), "server_cpu_us": used / due * 1e6, "streams": streams,
            "streams_alive": open_streams.alive, "least_heard": min(open_streams.heard, default=0),
            "most_heard": max(open_streams.heard, default=0),
        }  # fmt: skip
        await open_streams.close()
    return found, told


async def ended(server: Served) -> int:
    """How many runs ended until now, by the server's own word."""
    answer = await server.program.get("/api/v1/statistics")
    return int(answer.raise_for_status().json()["total_executions"])


def table(title: str, found: Mapping[str, Sequence[float]], cpu: Mapping[str, float] | None = None) -> None:
    """Print what was found, in milliseconds."""
    print(f"\n{title}\n{'':<28}{'looks':>7}{'p50 ms':>9}{'p99 ms':>9}{'worst':>9}{'CPU ms' if cpu else '':>9}")
    for name, seconds in found.items():
        told = figures(seconds)
        used = f"{cpu[name] * 1e3:>9.1f}" if cpu else ""
        print(f"{name:<28}{len(seconds):>7}{told['p50_ms']:>9.1f}{told['p99_ms']:>9.1f}{told['worst_ms']:>9.1f}{used}")


def figures(seconds: Sequence[float]) -> dict[str, float]:
    values = (statistics.median(seconds), percentile(seconds, 0.99), max(seconds))
    return {name: value * 1e3 for name, value in zip(("p50_ms", "p99_ms", "worst_ms"), values, strict=True)}


def pooled(found: Looks) -> list[float]:
    """All looks that needed the store."""
    return [second for name, seconds in found.items() if name != EMPTY for second in seconds]


def goal(text: str, bound: float, found: float, *, at_least: bool = False) -> dict[str, Any]:
    met = found >= bound if at_least else found <= bound
    return {"text": text, "bound": bound, "at_least": at_least, "found": float(f"{found:.5g}"), "met": met}


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.5g}") for name, value in values.items()}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = (("jobs", 1000), ("runs", 100_000), ("due", 10_000), ("streams", 50), ("rounds", 3), ("looks", 15))
    for name, default in sizes:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/reads.json")
    parser.add_argument("--longest", action="store_true", help="tell what held the event loop of the server")
    parser.add_argument("--places", type=int, help="bursts with so many at once alone; 0: no limit")
    given = parser.parse_args()

    goals, told, load = [], dict[str, Any](), os.getloadavg()[0]
    rounds: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        await fill(folder, given.jobs, given.runs)
        with copied(folder) as apart:
            found, cpu = await still(apart, given.rounds, given.looks)
        table(f"{given.jobs:,} jobs, {given.runs:,} runs, little to do", found, cpu)
        told["still"] = {name: rounded({**figures(looks), "cpu_ms": cpu[name] * 1e3}) for name, looks in found.items()}
        slowest = max(figures(looks)["p50_ms"] for name, looks in found.items() if name != EMPTY)
        goals.append(goal("the slowest page, p50 ms", PAGE_P50_MS, slowest))
        chosen = (0, PLACES) if given.places is None else (given.places,)
        for places in chosen if given.due else ():
            word = f"{places} at once" if places else "no limit at once"
            looks, burst = Looks(), []
            for number in range(given.rounds):
                with copied(folder) as apart:
                    seen, came = await busy(apart, given.due, places, given.streams, watched=given.longest)
                    if given.longest:
                        print((apart / "log").read_text().partition(LONGEST)[2])
                burst.append(came)
                for name, seconds in seen.items():
                    looks.setdefault(name, []).extend(seconds)
                machine = {"empty_p99_ms": figures(seen[EMPTY])["p99_ms"], "calibration_s": calibration_seconds()}
                shown = {f"read_{name}": value for name, value in figures(pooled(seen)).items()}
                if number == len(rounds):
                    rounds.append({OURS: {}, MACHINE: {}})
                rounds[number][OURS] |= rounded({f"{name}, {word}": value for name, value in {**shown, **came}.items()})
                rounds[number][MACHINE] |= rounded({f"{name}, {word}": value for name, value in machine.items()})
            table(f"while {given.due:,} jobs are due, {word}", looks)
            for came in burst:
                print(", ".join(f"{name} {value:,.6g}" for name, value in came.items()))
            told[word] = {name: rounded(figures(seconds)) for name, seconds in looks.items()}
            goals.append(goal(f"reads, {word}, p99 ms", READ_P99_MS, figures(pooled(looks))["p99_ms"]))
            alive = min(came["streams_alive"] for came in burst)
            goals.append(goal(f"event streams open to the end, {word}", given.streams, alive, at_least=True))
    print()
    for one in goals:
        print(f"{one['text']}: {one['found']:.0f} (goal {one['bound']:.0f}): {'met' if one['met'] else 'UNMET'}")
    if given.keep:
        title = f"`serve` with {given.jobs:,} jobs and {given.runs:,} runs, {given.due:,} jobs due"
        column: dict[str, Any] = {"key": f"read_p99_ms, {PLACES} at once", "title": "read p99 ms", "scale": 1.0}
        body: dict[str, Any] = {
            "workload": "reads", "title": title, "machine": results.machine(), "load": round(load, 1), "shown": column,
            "sizes": {OURS: {name: getattr(given, name) for name, _ in sizes}}, "goals": goals, "not_measured": {},
            "rounds": rounds, "answers": told,
        }  # fmt: skip
        results.write_json("reads", body)


if __name__ == "__main__":
    asyncio.run(main())
