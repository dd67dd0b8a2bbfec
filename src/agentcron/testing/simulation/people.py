"""What people do to simulated jobs: through the facade, on a store connection of their own that may fail as well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from agentcron.domain import changes
from agentcron.errors import AgentcronError
from agentcron.plugin import BackgroundJobsPlugin
from agentcron.ports import JobStore
from agentcron.testing.simulation import points
from agentcron.testing.simulation.agents import SimulatedAgents
from agentcron.testing.simulation.scenario import Happening
from agentcron.testing.simulation.shaky_store import NodeGone, ShakyStore
from agentcron.testing.simulation.trace import PERSON
from agentcron.testing.simulation.world import World


class Person:
    """Somebody with the command line, on the same store as the schedulers."""

    def __init__(self, world: World, store: JobStore) -> None:
        self._world = world
        self._store = store
        self._edits = 0

    async def do(self, deed: Happening) -> None:
        """Do it; a deed that is refused, or whose outcome stays unknown, is left at that."""
        world = self._world
        shaky = ShakyStore(world, self._store, PERSON, lambda: None)
        facade = _Facade(
            world, storage_plugin=shaky, agent_factory=SimulatedAgents(world, PERSON, 1), clock=world.clock
        )
        job_id = world.job_ids[deed.job]
        try:
            done = await self._act(facade, deed.what, job_id)
            world.note(PERSON, f"{deed.what}: {job_id} {'done' if done else 'refused'}")
        except AgentcronError as error:
            world.note(PERSON, f"{deed.what}: {job_id} {error}")
        except NodeGone:
            world.note(PERSON, f"{deed.what}: {job_id} is cut short")
        world.ring_all()

    async def _act(self, facade: _Facade, what: str, job_id: str) -> bool:
        match what:
            case points.PAUSE:
                return await facade.pause_job(job_id)
            case points.RESUME:
                return await facade.resume_job(job_id)
            case points.CANCEL:
                return await facade.cancel_job(job_id)
            case points.DELETE:
                return await facade.delete_job(job_id)
            case points.REWORD:
                self._edits += 1
                return await facade.update_job(job_id, prompt=f"edit {self._edits}")
            case points.MOVE:
                return await facade.update_job(job_id, **self._schedule())
            case points.ANSWER:
                return await self._answer(facade, job_id)
            case points.RUN_NOW:
                return await facade.run_now(job_id)
            case _:
                rows = await self._world.ground.open_rows()
                mine = [row.id for row in rows if row.job_id == job_id] or [row.id for row in rows]
                return bool(mine) and await facade.cancel_execution(mine[0])

    async def _answer(self, facade: _Facade, job_id: str) -> bool:
        """Answer what is asked longest, of this job or of any."""
        asked = await facade.inbox(job_id) or await facade.inbox()
        if not asked:
            return False
        if self._world.luck.random() < 0.3:
            await facade.deny(asked[0].id)
        else:
            await facade.answer(asked[0].id, "yes")
        return True

    def _schedule(self) -> dict[str, Any]:
        luck = self._world.luck
        minute, hour = luck.randrange(60), luck.randrange(24)
        text = luck.choice((f"{minute} {hour} * * *", f"{minute} */3 * * *", "every 5h", f"{minute} {hour} * * 1-5"))
        if luck.random() < 0.2:
            return {"schedule": text, "end_at": self._world.clock.now() + timedelta(days=luck.uniform(0.5, 9))}
        return {"schedule": text}


class _Facade(BackgroundJobsPlugin):
    """The facade with ids that are the same at every repetition."""

    def __init__(self, world: World, **options: Any) -> None:
        super().__init__(**options)
        self._world = world
        self._log = world.log

    def _new_id(self) -> str:
        return self._world.new_id()

    async def run_now(self, job_id: str) -> bool:
        """``run_job_now`` with an id of the simulation's."""
        execution_id = self._new_id()
        return await self._change(job_id, "run", lambda job, now: changes.run_now(job, now, execution_id))
