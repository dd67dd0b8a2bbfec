"""Whatever is done to a store, in whatever order, it answers as the plain model does."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stores.machine import StoreMachine

EXAMPLES = 300
ASKED = os.environ.get("AGENTCRON_EXAMPLES")
STEPS = 50
# What must have happened now and then, or the machine proves less than it says.
SOMETIMES = {
    "create", "edit", "pause", "resume", "cancel", "delete", "run", "tick", "claim", "begin", "process", "ask cancel",
    "beat", "clock back", "commit late", "refused plans", "refused settlements", "settled as SUCCESS",
    "settled as FAILURE", "settled as ERROR", "settled as INCOMPLETE", "settled as SKIPPED", "settled as MISSED",
    "settled as PENDING", "close", "crash", "project", "claim with its plan",
}  # fmt: skip
SHM = Path("/dev/shm")


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one: each step waits for a flush."""
    if not (SHM.is_dir() and os.access(SHM, os.W_OK)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=SHM, prefix="agentcron-") as folder:
        yield Path(folder)


@pytest.mark.timeout(600 + int(ASKED or 0))
def test_memory_sqlite_and_the_json_folder_answer_as_the_model(
    quick_folder: Path, record_property: Callable[[str, object], None]
) -> None:
    """All of them live through the same steps: half of the work is to think these up."""
    steps = _live(quick_folder, int(ASKED or EXAMPLES), record_property, "three stores")
    assert {name for name, count in steps.items() if count} >= SOMETIMES


@pytest.mark.timeout(600 + int(ASKED or 0))
def test_postgres_answers_as_the_model(
    quick_folder: Path, empty_postgres: Callable[[], str], record_property: Callable[[str, object], None]
) -> None:
    """Beside the others, for fewer lives: a word to the server takes longer than most of their answers."""
    steps = _live(quick_folder, int(ASKED or EXAMPLES) // 40, record_property, "with postgres", empty_postgres)
    assert {name for name, count in steps.items() if count} >= {"create", "claim", "tick", "settled as SUCCESS"}


def _live(
    folder: Path,
    examples: int,
    record_property: Callable[[str, object], None],
    name: str,
    postgres: Callable[[], str] | None = None,
) -> Counter[str]:
    steps: Counter[str] = Counter()
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # The test command must not depend on chance; the deep run looks where nobody has looked.
        derandomize=ASKED is None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        print_blob=True,
    )
    began = time.process_time()
    machine: Any = lambda: StoreMachine(folder / "place", steps, postgres)  # noqa: E731
    run_state_machine_as_test(machine, settings=chosen)
    spent = time.process_time() - began
    done = ", ".join(f"{count} {what}" for what, count in sorted(steps.items()))
    record_property("figures", f"state machine, {name}: {examples} x {STEPS} steps in {spent:.1f} s of CPU ({done})")
    return steps
