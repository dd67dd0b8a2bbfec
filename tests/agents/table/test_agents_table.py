"""Each cell of the table of agents is what a scheduler records."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from agentcron import AgentFactoryPlugin, BackgroundJobsPlugin, Execution
from agentcron.agents.factory import KINDS
from agentcron.agents.processes import end_tree
from tests.agents.table.cells import CELLS, COLUMNS, NONE
from tests.agents.table.players import Player, player

SITUATIONS = ("answers", "loops", "denied", "refused_401", "refused_429", "hangs", "killed")
_TIMEOUT = {"hangs": timedelta(seconds=1)}


class Play:
    """The situations of one kind, through one scheduler."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._player: Player = player(kind, folder)
        limit = {"output_bytes": 100} if kind == "command" else {"tool_calls": 2}
        found = {name: self._player.definition(name) for name in SITUATIONS}
        self._definitions = {name: one for name, one in found.items() if one is not None}
        self._definitions["loops"]["limits"] = limit
        if "denied" in self._definitions:
            self._definitions["strict"] = {**self._definitions["denied"], "denied_actions": "strict"}
        self._told: dict[str, Execution] = {}

    async def row(self) -> tuple[str, ...]:
        """What was recorded, in the order of the columns."""
        factory = AgentFactoryPlugin(self._definitions, default_definition="answers", max_concurrent_agents=20)
        async with BackgroundJobsPlugin(storage_plugin="memory:", agent_factory=factory) as plugin:
            await asyncio.gather(*(self._ran(plugin, name) for name in self._definitions))
        first, second = self._told["answers"], self._told["again"]
        assert (first.result, second.result) == ("done", "done")
        conversation = first.conversation
        used = first.usage
        tokens = f"{used.input_tokens} in, {used.output_tokens} out" if used is not None and used.tokens else NONE
        cost = "unknown" if first.cost_usd is None else f"{round(first.cost_usd, 4).normalize():f} {first.cost_basis}"
        return (
            _ended(first),
            tokens,
            cost,
            "kept" if conversation is not None and conversation.session else NONE,
            "goes on" if self._player.went_on() else NONE,
            self._limit(self._told["loops"]),
            self._denied(),
            *(_ended(self._told.get(name)) for name in SITUATIONS[3:]),
        )

    async def _ran(self, plugin: BackgroundJobsPlugin, name: str) -> None:
        timeout = _TIMEOUT.get(name, timedelta(seconds=60))
        job = await plugin.create_job(name, "0 0 1 1 *", "work", agent=name, timeout=timeout, conversation="continue")
        for key in (name, "again") if name == "answers" else (name,):
            run = await plugin.run_job_now(job)
            async with asyncio.timeout(60):
                while not ((found := await plugin.get_execution(run)) and found.final):
                    await asyncio.sleep(0.02)
            self._told[key] = found
            assert await asyncio.to_thread(end_tree, 1, 0.0, run) == 0

    def _limit(self, run: Execution) -> str:
        if run.conversation is not None and "once more" in str(run.conversation.native):
            return f"{_ended(run)}, conversation kept"
        return f"{_ended(run)}, use kept" if run.usage is not None else _ended(run)

    def _denied(self) -> str:
        if "denied" not in self._told:
            return NONE
        run = self._told["denied"]
        assert run.conversation is not None
        kept = "kept" if run.conversation.native["denied"] and run.status == "SUCCESS" else "lost"
        return f"{kept}; strict: {_ended(self._told['strict'])}"


def _ended(run: Execution | None) -> str:
    if run is None:
        return NONE
    return f"{run.status}({run.reason})" if run.reason else str(run.status)


@pytest.mark.parametrize("kind", CELLS)
async def test_what_is_recorded_is_what_the_table_says(kind: str, tmp_path: Path) -> None:
    row = await Play(kind, tmp_path).row()
    assert dict(zip(COLUMNS, row, strict=True)) == dict(zip(COLUMNS, CELLS[kind], strict=True))


def test_the_table_has_every_kind_and_every_column() -> None:
    # What echo says is what it was told.
    assert CELLS.keys() == KINDS.keys() - {"echo"}
    assert {len(cells) for cells in CELLS.values()} == {len(COLUMNS)}
