"""Each run is a span that says what it used and came to, and the history leads to its trace."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from agentcron import AgentOutcome, BackgroundJobsPlugin, SqliteStorage
from agentcron.cli.traces import tracing_of
from agentcron.domain.outcomes import Usage
from agentcron.errors import AgentError
from agentcron.ports import RunContext
from agentcron.testing import FakeAgentFactory

DAILY = ("report", "0 9 * * *", "a secret plan")


class Traced:
    """A plugin over a SQLite file whose spans are kept."""

    def __init__(self, path: Path) -> None:
        self.kept = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.factory = FakeAgentFactory()
        self.plugin = BackgroundJobsPlugin(
            storage_plugin=SqliteStorage(path), agent_factory=self.factory, tracing=lambda: self.provider
        )

    async def run(self, *acts: Any, **fields: Any) -> tuple[Any, dict[str, ReadableSpan]]:
        self.factory.then(*acts)
        job_id = await self.plugin.create_job(*DAILY, **fields)
        run = await self.plugin.run_here(await self.plugin.run_job_now(job_id))
        return run, {span.name: span for span in self.kept.get_finished_spans()}


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    return Traced(tmp_path / "s.sqlite")


async def test_a_run_is_a_span_with_the_attributes_of_the_conventions_and_no_word_of_it(traced: Traced) -> None:
    usage = Usage(input_tokens=100, output_tokens=20, cached_tokens=60)
    run, spans = await traced.run(AgentOutcome(output="an answer", usage=usage, cost_usd=Decimal("0.25")))
    span = spans["invoke_agent fake"]
    said = dict(span.attributes or {})
    assert said == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "fake",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "agentcron.job.id": run.job_id,
        "agentcron.job.name": "report",
        "agentcron.execution.id": run.id,
        "agentcron.execution.attempt": 1,
        "agentcron.execution.status": "SUCCESS",
        "agentcron.cost_usd": 0.25,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "secret plan" not in span.to_json()
    assert "an answer" not in span.to_json()
    assert run.trace_id == trace.format_trace_id(span.context.trace_id)
    [listed] = await traced.plugin.get_executions()
    assert listed.trace_id == run.trace_id
    await traced.plugin.close()


async def test_an_answer_that_cannot_be_counted_ends_its_span_as_the_error_that_it_is(traced: Traced) -> None:
    run, spans = await traced.run(AgentOutcome(output="x", usage="many"))  # type: ignore[arg-type]
    span = spans["invoke_agent fake"]
    assert (run.status, run.reason) == ("ERROR", "answer")
    assert run.trace_id is not None
    assert (span.attributes or {})["error.type"] == "answer"
    assert span.status.status_code is StatusCode.ERROR


async def test_what_the_agent_does_is_inside_and_runs_are_traces_of_their_own(traced: Traced) -> None:
    async def work(prompt: str, context: RunContext) -> str:
        with traced.provider.get_tracer("a library").start_as_current_span("chat"):
            return "done"

    with traced.provider.get_tracer("the program").start_as_current_span("program") as around:
        _, spans = await traced.run(work)
    assert spans["chat"].parent == spans["invoke_agent fake"].context
    assert spans["invoke_agent fake"].parent is None
    assert spans["invoke_agent fake"].context.trace_id != around.get_span_context().trace_id
    await traced.plugin.close()


async def test_a_failure_is_an_error_by_its_reason_and_an_attempt_a_span(traced: Traced) -> None:
    failing = AgentError("HTTP 500", kind="provider", retryable=True)
    run, _ = await traced.run(failing, AgentOutcome(failed="would not"), retry="attempts=2,backoff=0s")
    while not run.final:
        run = await traced.plugin.run_here(run.id)
    first, second = traced.kept.get_finished_spans()
    told = [dict(span.attributes or {}) for span in (first, second)]
    assert [one["agentcron.execution.attempt"] for one in told] == [1, 2]
    assert [one["agentcron.execution.status"] for one in told] == ["ERROR", "FAILURE"]
    assert [span.status.status_code for span in (first, second)] == [StatusCode.ERROR] * 2
    assert (told[0]["error.type"], first.status.description) == ("provider", "HTTP 500")
    assert run.trace_id == trace.format_trace_id(second.context.trace_id)
    await traced.plugin.close()


def test_without_tracing_nothing_of_opentelemetry_is_imported(tmp_path: Path) -> None:
    store = str(tmp_path / "s.sqlite")
    code = (
        "import sys; from agentcron.cli import main\n"
        f"for words in (['add', 'a', '0 9 * * *', 'x', '--agent', 'echo'], ['run', 'a', '--wait']):\n"
        f"    assert not main([*words, '--store', {store!r}])\n"
        "found = [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "assert not found, found"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def collecting() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector on a free port, and what it was sent."""
    sent: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                sent.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", sent
        finally:
            server.shutdown()
            serving.join()


def test_the_command_sends_its_spans_to_the_collector_that_the_standard_variable_names(tmp_path: Path) -> None:
    with collecting() as (url, sent):
        environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}

        def call(*words: str) -> str:
            command = [sys.executable, "-m", "agentcron", *words, "--store", str(tmp_path / "s.sqlite"), "--json"]
            return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, check=True, text=True).stdout

        call("add", "a", "0 9 * * *", "x", "--agent", "echo")
        assert not sent
        shown = call("run", "a", "--wait")
    [resource] = [one for request in sent for one in request.resource_spans]
    names = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert names["service.name"] == "agentcron"
    [span] = [span for scope in resource.scope_spans for span in scope.spans]
    assert span.name == "invoke_agent echo"
    assert span.trace_id.hex() in shown


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_tracing_is_off_where_the_standard_variables_say_so(environ: dict[str, str]) -> None:
    assert tracing_of(environ) is False
