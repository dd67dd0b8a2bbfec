"""With agent core: a host agent initializes the plugin when it is added, and closes it with itself."""

import asyncio

from agentcron import Agent, AgentFactoryPlugin, BackgroundJobsPlugin, MemoryStorage


async def main() -> None:
    background_jobs_plugin = BackgroundJobsPlugin(
        storage_plugin=MemoryStorage(), agent_factory=AgentFactoryPlugin(default_definition="echo")
    )
    async with Agent("my-agent") as agent:
        await agent.add_plugin(background_jobs_plugin)
        # The store is open, due jobs run (autostart=False leaves that to you), and the agent has tools:
        print(list(agent.tools))
        job = await agent.tools["create_job"]("Daily report", "0 9 * * *", "Write the report", "Europe/Berlin")
        print(job["schedule"], "-", job["next_runs"][0])
        print(await agent.tools["pause_job"]("Weekly report"))


asyncio.run(main())
