"""A process that starts agentcron on a store, and ends with the first run: nothing is measured but that."""

import asyncio
import json
import os
import sys
import time


async def main() -> None:
    from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, SqliteStorage

    imported, called = time.time(), asyncio.Event()

    async def work(prompt: str) -> str:
        ran, cpu = time.time(), time.process_time()
        began = float(os.environ["BENCH_BEGAN"])
        figures = {"first_run_s": ran - imported, "process_s": ran - began, "cpu_ms": cpu * 1e3}
        print(json.dumps(figures), flush=True)
        called.set()
        return "ok"

    factory = AgentFactoryPlugin({"work": {"kind": "python", "callable": work}}, default_definition="work")
    plugin = BackgroundJobsPlugin(storage_plugin=SqliteStorage(sys.argv[1]), agent_factory=factory)
    await plugin.start_background_execution()
    await called.wait()
    await plugin.close()


asyncio.run(main())
