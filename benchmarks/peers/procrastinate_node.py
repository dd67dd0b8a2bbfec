"""One process of Procrastinate: `make URL LOG FOLDER COUNT DUE`, or `work URL LOG FOLDER PLACES`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime

from procrastinate import App, PsycopgConnector


def app_on(url: str, log: str) -> App:
    app = App(connector=PsycopgConnector(conninfo=url))
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @app.task(name="work")
    async def work() -> None:
        os.write(file, f"{time.time()}\n".encode())

    return app


async def make(app: App, count: int, due: float) -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        at = datetime.fromtimestamp(due, UTC)
        await app.tasks["work"].configure(schedule_at=at).batch_defer_async(*({} for _ in range(count)))


async def work(app: App, places: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with app.open_async():
        running = asyncio.create_task(app.run_worker_async(concurrency=places, install_signal_handlers=False))
        print("ready", flush=True)
        await stop.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    what, url, log, _folder, number, *rest = sys.argv[1:]
    made = app_on(url, log)
    asyncio.run(make(made, int(number), float(rest[0])) if what == "make" else work(made, int(number)))
