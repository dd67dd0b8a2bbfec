"""With the agent factory: one dedicated agent for each execution, bounded in number, cleaned up after it."""

import asyncio

from agentcron import AgentFactoryPlugin, AgentManagerPlugin, BackgroundJobsPlugin, MemoryStorage

manager = AgentManagerPlugin()


async def look_around(prompt: str) -> str:
    return f"{manager.count()} alive: {', '.join(agent.agent_id for agent in manager.list_agents())}"


async def main() -> None:
    agent_factory = AgentFactoryPlugin(
        definitions={"background-job": {"kind": "python", "callable": look_around}},
        default_definition="background-job",
        max_concurrent_agents=10,
    )
    plugin = BackgroundJobsPlugin(storage_plugin=MemoryStorage(), agent_factory=agent_factory, agent_manager=manager)
    job_id = await plugin.create_job("Look", "0 9 * * *", "Who is here?")
    async with plugin:
        for _ in range(2):
            run = await plugin.wait_for_execution(await plugin.run_job_now(job_id))
            print(run.agent_id, "-", run.result)
    print("alive after that:", manager.count(), agent_factory.living)


asyncio.run(main())
