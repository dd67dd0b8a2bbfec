"""Debug mode: each decision with its reason, on the logger that was given and nowhere else."""

import asyncio
import logging
import sys

from agentcron.testing import create_test_environment

custom_logger = logging.getLogger("my-scheduler")
custom_logger.setLevel(logging.INFO)  # debug=True passes the level and leaves it as it is
custom_logger.propagate = False
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("%(levelname)-7s %(message)s"))
custom_logger.addHandler(handler)


async def main() -> None:
    async with create_test_environment(logger=custom_logger, debug=True) as env:
        env.agent_factory.then("fine", ValueError("broken"))
        job_id = await env.plugin.create_job("Tick", "* * * * *", "Say the time")
        await env.plugin.start_background_execution()
        await env.advance(120)
        await env.plugin.pause_job(job_id)
        await env.plugin.stop_background_execution()


asyncio.run(main())
