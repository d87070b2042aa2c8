"""A receiver of traces: real OTLP over HTTP, with the protobuf parsed. It can be made to hang."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived. Ids are in hex, and empty if absent."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    attributes: dict[str, Any]
    #: Ids of the linked spans.
    links: tuple[str, ...]
    events: tuple[str, ...]


class Receiver(ThreadingHTTPServer):
    """Receives spans on a free port of 127.0.0.1."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    @property
    def url(self) -> str:
        """The value for HOLDFAST_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def named(self, service: str, name: str) -> list[Span]:
        """Return the spans with this service and name."""
        return [each for each in self.spans if (each.service, each.name) == (service, name)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore senders that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take a batch of spans."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.go_on.wait(60)
        if self.path == "/v1/traces":
            self.server.spans += _spans(ExportTraceServiceRequest.FromString(body))
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Yield a running receiver that accepts everything."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        Span(
            _value(next(each.value for each in batch.resource.attributes if each.key == "service.name")),
            span.name,
            WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.status.code == Status.STATUS_CODE_ERROR,
            {each.key: _value(each.value) for each in span.attributes},
            tuple(link.span_id.hex() for link in span.links),
            tuple(event.name for event in span.events),
        )
        for batch in request.resource_spans
        for scope in batch.scope_spans
        for span in scope.spans
    ]


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
