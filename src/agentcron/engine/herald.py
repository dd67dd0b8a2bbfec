"""What ends, or is planned, gets the news that it makes for others: the one place where rules meet events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from agentcron.domain.alarms import event_of, missed_of, pauses, wanted_of
from agentcron.domain.inputs import Input
from agentcron.domain.model import Execution
from agentcron.domain.news import News
from agentcron.domain.notify import Event, Notify
from agentcron.domain.plans import Plan
from agentcron.domain.settling import Settlement
from agentcron.domain.spec import JobSpec
from agentcron.domain.telling import Subject, word


class Herald:
    """Knows the rules of jobs that have none of their own. Whoever writes a plan or a settlement asks it first, and
    ``sound``\\ s once it is written. ``clean`` takes secrets out of a text."""

    def __init__(self, default: Iterable[Notify] = (), clean: Callable[[str], str] = str) -> None:
        self._default = tuple(default)
        self._clean = clean
        self.on_news: Callable[[], None] = lambda: None

    def settlement(self, settlement: Settlement) -> Settlement:
        """The settlement with its news, where somebody may be told."""
        spec = settlement.spec
        if spec is None:
            return settlement
        rules = self._default if spec.notify is None else spec.notify
        if not rules or (event := event_of(settlement)) is None or not (wanted := wanted_of(rules, event)):
            return settlement
        after = settlement.after
        occasion = f"{after.id}/{after.asked}" if event is Event.AWAITING_INPUT else after.id
        made = self._news(
            event, occasion, after.job_id, spec, settlement, wanted, execution=after, inputs=settlement.inputs
        )
        return settlement.evolve(news=made)

    def plan(self, plan: Plan) -> Plan:
        """The plan with its news, where somebody may be told."""
        job = plan.job_after
        if job is None:
            return plan
        # Slots are judged by the job as it was: so are those who are told of them.
        spec = (plan.before or job).spec
        rules = self._default if spec.notify is None else spec.notify
        news = []
        if rules and (missed := wanted_of(rules, Event.MISSED)):
            news += [
                self._news(Event.MISSED, row.id, job.id, spec, plan, missed, execution=row) for row in missed_of(plan)
            ]
        if (paused := pauses(plan)) is not None:
            rules = self._default if job.spec.notify is None else job.spec.notify
            if rules and (wanted := wanted_of(rules, Event.PAUSED)):
                # One that is made again from its key has the same id, and begins at the same revision.
                occasion, why = f"{job.id}/{job.created.isoformat()}/{job.revision}", paused.state_reason
                news.append(self._news(Event.PAUSED, occasion, job.id, job.spec, plan, wanted, reason=why))
        return replace(plan, news=tuple(news)) if news else plan

    def sound(self, written: Plan | Settlement) -> None:
        """Tell the sender that there may be letters, where there are news."""
        if written.news:
            self.on_news()

    def _news(
        self,
        event: Event,
        occasion: str,
        job_id: str,
        spec: JobSpec,
        made: Plan | Settlement,
        rules: tuple[Notify, ...],
        *,
        execution: Execution | None = None,
        inputs: tuple[Input, ...] = (),
        reason: str | None = None,
    ) -> News:
        subject = Subject(
            job_id=job_id,
            name=spec.name,
            tags=spec.tags,
            zone=spec.schedule.timezone,
            now=made.now,
            execution=execution,
            inputs=inputs,
            reason=reason,
        )
        return News(
            event=event,
            occasion=occasion,
            now=made.now,
            job_id=job_id,
            execution_id=execution.id if execution is not None else None,
            rules=rules,
            silent=execution is not None and execution.silent,
            word=partial(word, subject, self._clean),
        )
