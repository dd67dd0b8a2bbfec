"""Runs as spans of OpenTelemetry, in the words of its conventions for generative AI. Imported where tracing is on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from agentcron._version import __version__
from agentcron.domain.findings import Findings
from agentcron.domain.lifecycle import ExecutionStatus
from agentcron.domain.model import Execution
from agentcron.domain.settling import Settlement
from agentcron.domain.spec import JobSpec
from agentcron.engine.run import Run
from agentcron.engine.runner import Came, Runner

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

_BAD: Final = frozenset({ExecutionStatus.FAILURE, ExecutionStatus.ERROR, ExecutionStatus.INCOMPLETE})


class TracedRunner(Runner):
    """Runs each execution inside a span, so that spans of what its agent uses are parts of it."""

    def __init__(self, *given: Any, provider: TracerProvider | None = None, **named: Any) -> None:
        super().__init__(*given, **named)
        self._tracer = trace.get_tracer("agentcron", __version__, provider)
        # Of those that ended and are not judged yet.
        self._spans: dict[Run, Span] = {}

    async def run(self, run: Run, spec: JobSpec) -> Came:
        span = self._tracer.start_span(
            f"invoke_agent {spec.agent}",
            # Nothing above: what called the scheduler long ago is no part of a run.
            context=context.Context(),
            kind=SpanKind.INTERNAL,
            attributes=_begun(run.execution, spec),
        )
        token = context.attach(trace.set_span_in_context(span))
        try:
            came = await super().run(run, spec)
        except BaseException:
            span.end()
            raise
        finally:
            context.detach(token)
        self._spans[run] = span
        return came

    def settlement(self, came: Came) -> Settlement | None:
        """As ``Runner.settlement``; a final row bears the id of its trace."""
        span = self._spans.pop(came.run)
        try:
            settlement = super().settlement(came)
            if settlement is None:
                span.set_attribute("agentcron.execution.reason", "lost")
                return None
            _end(span, settlement)
            return _kept(settlement, span)
        finally:
            span.end()


def _begun(execution: Execution, spec: JobSpec) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": spec.agent,
        "agentcron.job.id": execution.job_id,
        "agentcron.job.name": spec.name,
        "agentcron.execution.id": execution.id,
        "agentcron.execution.attempt": execution.attempt,
    }
    if execution.scheduled_for is not None:
        told["agentcron.execution.scheduled_for"] = execution.scheduled_for.isoformat()
    return told


def _end(span: Span, settlement: Settlement) -> None:
    """What this attempt came to; of one that is tried again the closed attempt tells it."""
    after = settlement.closed_attempt or settlement.after
    span.set_attribute("agentcron.execution.status", after.status.value)
    if after.reason is not None:
        span.set_attribute("agentcron.execution.reason", after.reason)
    if after.usage is not None:
        span.set_attribute("gen_ai.usage.input_tokens", after.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", after.usage.output_tokens)
        if after.usage.cached_tokens:
            span.set_attribute("gen_ai.usage.cache_read.input_tokens", after.usage.cached_tokens)
    if after.cost_usd is not None:
        span.set_attribute("agentcron.cost_usd", float(after.cost_usd))
    if after.status in _BAD:
        span.set_attribute("error.type", after.reason or after.status.value)
        span.set_status(Status(StatusCode.ERROR, after.error))


def _kept(settlement: Settlement, span: Span) -> Settlement:
    seen = span.get_span_context()
    if not settlement.ended or not seen.is_valid:
        return settlement
    after = settlement.after
    findings = replace(after.findings or Findings(), trace_id=trace.format_trace_id(seen.trace_id))
    return settlement.evolve(after=after.evolve(findings=findings))
