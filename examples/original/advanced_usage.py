"""Advanced usage: figures, an evaluation on demand, a new schedule, a clean slate."""

import asyncio
from datetime import timedelta

from agentcron.testing import create_test_environment


async def main() -> None:
    env = create_test_environment()  # a clock that we move ourselves, so that nobody waits for 9 AM
    background_jobs = env.plugin
    job_id = await background_jobs.create_job("Daily report", "0 9 * * *", "Write the report")
    env.clock.set(env.clock.now() + timedelta(hours=9))

    # Nothing was started, so what is due runs to its end before this returns.
    await background_jobs.force_evaluation()

    stats = await background_jobs.get_statistics()
    print(f"Total jobs: {stats.total_jobs}")
    print(f"Running jobs: {stats.running_jobs}")
    print(f"Total executions: {stats.total_executions}")
    print(f"By status: {dict(stats.executions_by_status)}, success rate {stats.success_rate}")

    await background_jobs.update_job(job_id, cron_expression="0 */2 * * *")  # or a mapping: update_job(job_id, {...})
    job = await background_jobs.get_job(job_id)
    assert job is not None
    print(f"Now {job.schedule.describe()}, next at {job.next_run}")

    await background_jobs.clear_all_jobs()
    print(f"Left: {len(await background_jobs.get_jobs())}")
    await background_jobs.close()


asyncio.run(main())
