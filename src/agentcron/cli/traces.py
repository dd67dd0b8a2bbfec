"""Where the spans of runs are sent: as the standard variables of OpenTelemetry say."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from agentcron.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def tracing_of(environ: Mapping[str, str]) -> Callable[[], TracerProvider] | bool:
    """What makes the provider once a scheduler begins; False where no endpoint is set, or tracing is turned off."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return False if off or not any(map(environ.get, _ENDPOINTS)) else make_provider


def make_provider() -> TracerProvider:
    """A provider that sends spans over OTLP/HTTP, for the whole process: what agents use may send its own with it.
    Raises ``ConfigError`` where a part is not installed."""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            f"{' or '.join(_ENDPOINTS)} is set and {error.name} is not installed; "
            f"pip install 'agentcron[otel]', or set OTEL_SDK_DISABLED=true"
        ) from error
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": "agentcron"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
