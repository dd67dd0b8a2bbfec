"""A scheduler with jobs each second whose answers fill a disk: ``python -m tests.faults.busy_scheduler STORE [BYTES]``.

With BYTES no file may grow beyond it (RLIMIT_FSIZE) until SIGUSR1. The log goes to standard output; SIGTERM stops.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin

JOBS = 3


async def main(store: str, limit: int | None) -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, allow, resource.RLIM_INFINITY)

    async def chatter(prompt: str) -> str:
        return os.urandom(75_000).hex()

    factory = AgentFactoryPlugin({"chatter": {"kind": "python", "callable": chatter}}, default_definition="chatter")
    plugin = BackgroundJobsPlugin(storage_plugin=store, agent_factory=factory, retention=None)
    for number in range(JOBS):
        job_id = await plugin.create_job(f"job {number}", "every 1s", "talk", misfire_grace="1s", catch_up="skip")
        print(f"created {job_id}", flush=True)  # noqa: T201 - read by the test
    if limit is not None:
        allow(limit)
    await plugin.start_background_execution()
    await stop.wait()
    await plugin.close()
    print("closed", flush=True)  # noqa: T201 - read by the test


def allow(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
