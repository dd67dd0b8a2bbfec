"""A node in a process of its own: run with a JSON object of settings, it says ``ready`` and runs until SIGTERM."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, PostgresStorage


async def main(settings: dict[str, Any]) -> None:
    log = Path(settings["log"])

    def note(*words: object) -> None:
        # One short write at the end of a file is whole, whoever else writes there.
        with log.open("a") as file:
            file.write(" ".join(map(str, (*words, time.time(), os.getpid()))) + "\n")

    async def work(prompt: str, context: Any) -> str:
        """``STEPS SECONDS``: so many calls, each of that long."""
        steps, seconds = prompt.split()
        note("begin", context.execution_id)
        for number in range(int(steps)):

            async def call(number: int = number) -> str:
                note("call", context.execution_id, number)
                await asyncio.sleep(float(seconds))
                return "done"

            if context.steps is not None:
                await context.steps.step("call", call, repeatable=True)
            else:
                await call()
        note("end", context.execution_id)
        return "done"

    plugin = BackgroundJobsPlugin(
        storage_plugin=PostgresStorage(settings["url"], lease=settings["lease"], locks_dir=settings["locks"]),
        agent_factory=AgentFactoryPlugin(
            definitions={"work": {"kind": "python", "callable": work}}, max_concurrent_agents=settings["places"]
        ),
        engine=settings["engine"],
        max_concurrent_everywhere=settings["everywhere"],
        max_starts_everywhere=settings["rate"],
        queues=settings["queues"],
        stop_grace=timedelta(seconds=settings["grace"]),
        retention=None,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await plugin.start_background_execution()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    await plugin.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(process)d %(message)s")
    asyncio.run(main(json.loads(sys.argv[1])))
