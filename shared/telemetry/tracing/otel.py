"""OpenTelemetry: collects spans through the OpenTelemetry SDK. Imported only if traces are collected.

Spans are queued, up to a limit, and sent by a thread of the library. If the receiver is slow or down, further spans are
dropped, and no request waits. The library's environment variables (`OTEL_BSP_...`, `OTEL_RESOURCE_ATTRIBUTES`,
`OTEL_EXPORTER_OTLP_HEADERS` ...) have their usual meaning.
"""

import logging
import os
import threading
from collections.abc import Iterable
from contextvars import Token
from types import TracebackType

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from holdfast.shared.runtime.build import build_id
from holdfast.shared.telemetry.tracing.exporting import CountingExporter
from holdfast.shared.telemetry.tracing.sampling import Sampling
from holdfast.shared.telemetry.tracing.spans import Attributes, Kind

_KINDS = {kind: SpanKind[kind.name] for kind in Kind}
_W3C = TraceContextTextMapPropagator()
_SEND_EVERY_MS = 1000


class OtelCollector:
    """A `spans.Collector` that sends spans to an OTLP receiver."""

    def __init__(self, service: str, instance: str, endpoint: str, share: float) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # our exporter logs the failures that matter
        resource = Resource.create(
            {
                "service.namespace": "holdfast",
                "service.name": service,
                "service.instance.id": instance,
                "service.version": build_id(),
            }
        )
        self._provider = TracerProvider(sampler=Sampling(share), resource=resource, shutdown_on_exit=False)
        sending = CountingExporter(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
        every_ms = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else _SEND_EVERY_MS
        self._provider.add_span_processor(sending.counting)
        self._provider.add_span_processor(BatchSpanProcessor(sending, schedule_delay_millis=every_ms))
        self._tracer = self._provider.get_tracer("holdfast")

    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: str | None, links: Iterable[str]
    ) -> "OtelSpan":
        """Begin a span."""
        began = self._tracer.start_span(
            name,
            context=None if parent is None else _context(parent),
            kind=_KINDS[kind],
            attributes=dict(attributes),
            links=[trace.Link(_span_context(link)) for link in links],
        )
        return OtelSpan(began)

    def traceparent(self) -> str:
        """Return the traceparent of the current span."""
        return _written(trace.get_current_span())

    def taken(self) -> bool:
        """Return whether the current span is recorded."""
        return trace.get_current_span().is_recording()

    def event(self, name: str, attributes: Attributes) -> None:
        """Add an event to the current span."""
        current = trace.get_current_span()
        if current.is_recording():
            current.add_event(name, dict(attributes))

    def end(self, timeout_s: float) -> None:
        """Send queued spans, for at most `timeout_s`. A thread does this, because the library has no time limit for
        it."""
        ending = threading.Thread(target=self._provider.shutdown, name="end of tracing", daemon=True)
        ending.start()
        ending.join(timeout_s)


class OtelSpan:
    """A `spans.Span` of the SDK."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[contexts.Context] | None = None

    @property
    def traceparent(self) -> str:
        """The value of the W3C header."""
        return _written(self._span)

    @property
    def taken(self) -> bool:
        """Whether the span's trace is recorded."""
        return self._span.is_recording()

    def rename(self, name: str) -> None:
        """Change the name of the span."""
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the span."""
        self._span.set_attributes(dict(attributes))

    def link(self, traceparent: str) -> None:
        """Link the span to another span."""
        self._span.add_link(_span_context(traceparent))

    def failed(self, kind: str) -> None:
        """Mark the span as failed, without a message, which might contain personal data."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End the span."""
        self._span.end()

    def __enter__(self) -> "OtelSpan":
        self._token = contexts.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.failed(kind.__name__)
        if self._token is not None:
            contexts.detach(self._token)
        self._span.end()


def _context(traceparent: str) -> contexts.Context:
    """Return the context of a traceparent; an empty context if the traceparent is malformed."""
    return _W3C.extract({"traceparent": traceparent}, contexts.Context())


def _span_context(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_context(traceparent)).get_span_context()


def _written(span: trace.Span) -> str:
    known = span.get_span_context()
    if not known.is_valid:
        return ""
    return f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"
