"""Which ends of runs, and which plans, are told to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentcron.domain.inputs import InputKind, Question
from agentcron.domain.letters import LetterStatus
from agentcron.domain.outcomes import AgentOutcome
from agentcron.errors import AgentError, InvalidJobError
from agentcron.ports import RunContext
from agentcron.storage.memory import MemoryStorage
from tests.outbox.conftest import Bench, make_bench

BROKEN = AgentError("the disk is full", kind="disk")


async def test_a_success_is_told_to_those_who_want_it(stored: Bench) -> None:
    await stored.job(notify=["ops: success", "boss: failure"])
    await stored.slot("all is well")
    assert stored.ops.events == ["success"]
    assert stored.boss.tried == []
    assert stored.ops.data()["execution"]["result"] == "all is well"


async def test_a_failure_and_the_first_success_after_it_are_told_once_each(stored: Bench) -> None:
    await stored.job(notify="ops: failure, recovered")
    await stored.slot("fine")
    await stored.slot(BROKEN)
    await stored.slot(BROKEN)
    await stored.slot("fine again")
    await stored.slot("and again")
    assert stored.ops.events == ["failure", "failure", "recovered"]


async def test_a_recovery_stands_for_the_success_and_bears_its_answer(bench: Bench) -> None:
    await bench.job(notify="ops: success, failure, recovered")
    await bench.slot(BROKEN)
    await bench.slot("mended")
    await bench.slot("more")
    assert bench.ops.events == ["failure", "recovered", "success"]
    assert bench.ops.data(1)["execution"]["result"] == "mended"


async def test_a_job_that_is_made_again_asks_for_consent_with_a_letter_of_its_own(stored: Bench) -> None:
    asked = []
    for _ in range(2):
        job_id = await stored.job(notify="ops: paused", key="daily", consent=False)
        asked += [letter.id for letter in await stored.letters()]
        await stored.plugin.delete_job(job_id)
        await stored.clock.advance(timedelta(minutes=1))
    # A receiver drops what it has had before by the id.
    assert len(set(asked)) == 2


async def test_an_alarm_waits_for_so_many_failures_in_a_row(stored: Bench) -> None:
    await stored.job(notify="ops: failure, recovered; after 3")
    await stored.slot(BROKEN)
    await stored.slot(BROKEN)
    await stored.slot("in between")
    assert stored.ops.events == []
    for _ in range(4):
        await stored.slot(BROKEN)
    assert stored.ops.events == ["failure", "failure"]
    await stored.slot("mended")
    assert stored.ops.events[-1] == "recovered"


async def test_failures_that_pause_no_job_count_for_an_alarm(bench: Bench) -> None:
    await bench.job(notify="ops: failure; after 2")
    for _ in range(2):
        await bench.slot(AgentError("the network is down", kind="network", retryable=True))
    assert bench.ops.events == ["failure"]


async def test_within_the_cooldown_an_alarm_is_not_repeated(stored: Bench) -> None:
    await stored.job(notify="ops: failure; cooldown 3h")
    for _ in range(5):
        await stored.slot(BROKEN)
    assert stored.ops.events == ["failure", "failure"]


async def test_a_clock_that_was_set_back_holds_no_alarm_back(bench: Bench) -> None:
    await bench.job(notify="ops: failure; cooldown 1d")
    await bench.slot(BROKEN)
    bench.clock.set(bench.clock.now() - timedelta(days=30))
    execution = await bench.plugin.run_job_now(bench.job_id)
    bench.factory.then(BROKEN)
    await bench.plugin.run_here(execution)
    assert bench.ops.events == ["failure", "failure"]


async def test_a_silent_answer_is_no_news_but_a_recovery_is(bench: Bench) -> None:
    await bench.job(notify="ops: success, failure, recovered", silent="NOTHING")
    await bench.slot("NOTHING")
    assert bench.ops.events == []
    await bench.slot(BROKEN)
    await bench.slot("NOTHING")
    assert bench.ops.events == ["failure", "recovered"]


async def test_a_retry_is_no_failure_yet(bench: Bench) -> None:
    await bench.job(notify="ops: failure, success", retry="attempts=2,backoff=1s,jitter=0")
    await bench.slot(AgentError("busy", kind="network", retryable=True))
    assert bench.ops.events == []
    bench.factory.then("done")
    await bench.clock.advance(timedelta(seconds=2))
    await bench.plugin.force_evaluation()
    assert bench.ops.events == ["success"]


async def test_a_run_that_a_person_canceled_is_no_failure(bench: Bench) -> None:
    async def cancel(prompt: str, context: RunContext) -> Any:
        await bench.plugin.cancel_execution(context.execution_id)
        await bench.clock.sleep_until(bench.clock.now() + timedelta(hours=9))

    await bench.job(notify="ops")
    async with bench.plugin:
        bench.factory.then(cancel)
        await bench.clock.advance(timedelta(hours=1, seconds=10))
        run = (await bench.plugin.get_executions(bench.job_id))[0]
    assert (run.status.value, run.reason) == ("INCOMPLETE", "canceled")
    assert bench.ops.tried == []


async def test_missed_slots_are_told_once_for_each_range(stored: Bench) -> None:
    await stored.job(notify="ops: missed")
    await stored.clock.advance(timedelta(hours=6))
    await stored.plugin.force_evaluation()
    assert stored.ops.events == ["missed"]
    told = stored.ops.data()["execution"]
    assert (told["status"], told["reason"], told["slots"]) == ("MISSED", "coalesced", 5)
    assert "agentcron why" in stored.ops.sent[0].text


async def test_a_skipped_slot_is_nobodys_business(bench: Bench) -> None:
    await bench.job(notify="ops: success, failure, missed, paused, recovered")
    await bench.plugin.pause_job(bench.job_id)
    await bench.clock.advance(timedelta(hours=3))
    await bench.plugin.resume_job(bench.job_id)
    assert [letter.event for letter in await bench.letters()] == []


async def test_a_pause_by_failures_is_told_and_one_by_a_person_is_not(stored: Bench) -> None:
    await stored.job(notify="ops: paused", pause_after_failures=2)
    await stored.plugin.pause_job(stored.job_id)
    await stored.plugin.resume_job(stored.job_id)
    await stored.slot(BROKEN)
    await stored.slot(BROKEN)
    await stored.plugin.force_evaluation()
    assert stored.ops.events == ["paused"]
    assert stored.ops.data()["reason"] == "streak"


async def test_a_pause_by_a_budget_is_told(bench: Bench) -> None:
    await bench.job(notify="ops: paused", budgets="runs=1,window=1d,action=pause")
    await bench.slot("one")
    await bench.slot("two")
    assert bench.ops.events == ["paused"]
    assert bench.ops.data()["reason"] == "budget"


async def test_a_job_that_waits_for_consent_is_told(stored: Bench) -> None:
    await stored.job(notify="ops: paused", consent=False, made_by="agent:helper")
    await stored.plugin.force_evaluation()
    assert stored.ops.events == ["paused"]
    assert stored.ops.data()["reason"] == "approval"


async def test_a_run_that_waits_for_an_answer_is_told_each_time_it_asks(stored: Bench) -> None:
    async def ask(prompt: str, context: RunContext) -> AgentOutcome:
        question = Question(key="q", kind=InputKind.QUESTION, question="Which one?", options=("a", "b"))
        return AgentOutcome(asking=(question,))

    await stored.job(notify="ops: awaiting_input, success")
    await stored.slot(ask)
    asked = (await stored.plugin.inbox())[0]
    assert stored.ops.events == ["awaiting_input"]
    assert stored.ops.data()["questions"][0]["id"] == asked.id
    assert "Which one?" in stored.ops.sent[0].text
    await stored.plugin.answer(asked.id, "a")
    stored.factory.then(ask)
    await stored.plugin.force_evaluation()
    assert stored.ops.events == ["awaiting_input", "awaiting_input"]
    assert stored.ops.sent[0].id != stored.ops.sent[1].id


async def test_the_configurations_rules_hold_for_jobs_without_their_own() -> None:
    bench = make_bench(MemoryStorage(), notify=["ops: failure"])
    await bench.job(notify=None)
    await bench.slot(BROKEN)
    assert bench.ops.events == ["failure"]
    await bench.plugin.update_job(bench.job_id, notify=[])
    await bench.slot(BROKEN)
    assert bench.ops.events == ["failure"]
    await bench.plugin.update_job(bench.job_id, notify="boss: failure")
    await bench.slot(BROKEN)
    assert (bench.ops.events, bench.boss.events) == (["failure"], ["failure"])
    await bench.plugin.close()


async def test_one_endpoint_gets_one_letter_of_an_event_however_many_rules_name_it(bench: Bench) -> None:
    await bench.job(notify=["ops: failure; after 2", "ops: failure", "boss: failure"])
    await bench.slot(BROKEN)
    assert (bench.ops.events, bench.boss.events) == (["failure"], ["failure"])
    assert {letter.status for letter in await bench.letters()} == {LetterStatus.SENT}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("nobody: failure", "there is no endpoint 'nobody'; known are boss, ops"),
        ("ops: failed", "'failed' is not an event; the events are success, failure"),
        ("ops: failure; later 3", "'later 3' is neither 'after N' nor 'cooldown DURATION'"),
        ("ops: failure; after many", "after 'many' is not a number of failures"),
        ("ops: failure; after 0", "ops: after 0 is out of range (1 to 100)"),
        ("ops: failure; cooldown soon", "cooldown 'soon' is not a duration"),
        ("ops:", "ops: names no event"),
        ("my ops: failure", "'my ops' is no endpoint's name"),
        ({"to": "ops", "when": "failure"}, "'when' is none of to, on, after, cooldown"),
        ({"on": "failure"}, "a rule names no endpoint"),
        (7, "7 is not a rule"),
    ],
)
async def test_a_rule_that_cannot_be_read_is_refused_in_one_line(bench: Bench, rule: Any, told: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        await bench.job(notify=rule)
    assert told in str(caught.value)
    assert str(caught.value).startswith("notify: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("ops", ["ops: failure, missed, paused, awaiting_input, recovered"]),
        ("ops: recovered,failure ; cooldown 60m; after 3", ["ops: failure, recovered; after 3; cooldown 1h"]),
        ({"to": "ops", "on": ["awaiting-input"], "cooldown": 30}, ["ops: awaiting_input; cooldown 30s"]),
        (["ops: success", "boss: failure"], ["ops: success", "boss: failure"]),
        ("ops: success\nboss: failure", ["ops: success", "boss: failure"]),
        ("off", []),
        ([], []),
        (None, None),
    ],
)
async def test_a_rule_is_kept_as_it_is_read(stored: Bench, given: Any, written: list[str] | None) -> None:
    await stored.job(notify=given)
    if stored.plugin.storage.url != "memory:":
        await stored.plugin.close()
    rules = (await stored.plugin.find_job(stored.job_id)).notify
    assert (None if rules is None else [str(rule) for rule in rules]) == written
