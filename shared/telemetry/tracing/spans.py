"""Spans: tracing without a dependency on OpenTelemetry. Tracing is off until `begin`: until then a call reads one name,
and the library is not imported.

A span may carry what a log line may carry: ids, our own names, numbers. Never personal data, and never the message of
an error, which may contain personal data.

    with spans.span("decode", attributes={"batch": 5}):
        ...
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from types import TracebackType
from typing import Protocol, TypeVar

from pydantic import AnyHttpUrl

from holdfast.shared.runtime import left_out

T = TypeVar("T")

Attributes = Mapping[str, str | int | float | bool]

#: The W3C header. Groups: the trace id, and the digit that holds the flag "sampled".
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]([0-9a-f])")


class Kind(Enum):
    """The side of a call that a span describes, as in OpenTelemetry."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()
    PRODUCER = auto()
    CONSUMER = auto()


class Span(Protocol):
    """A span. As a context manager it is the current span of the block, and ends with the block; an exception marks it
    as failed."""

    @property
    def traceparent(self) -> str:
        """The value of the W3C header."""

    @property
    def taken(self) -> bool:
        """Whether the span's trace is recorded; otherwise attributes are dropped."""

    def rename(self, name: str) -> None:
        """Change the name of the span."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the span."""

    def link(self, traceparent: str) -> None:
        """Link the span to another span."""

    def failed(self, kind: str) -> None:
        """Mark the span as failed. `kind`: our name of the failure."""

    def end(self) -> None:
        """End the span."""

    def __enter__(self) -> "Span": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class Collector(Protocol):
    """Creates spans, and sends them in the background."""

    def span(self, name: str, kind: Kind, attributes: Attributes, parent: str | None, links: Iterable[str]) -> Span:
        """Begin a span. Its parent is the current span if `parent` is None; it has no parent if `parent` is empty."""

    def traceparent(self) -> str:
        """Return the traceparent of the current span; empty without a current span."""

    def taken(self) -> bool:
        """Return whether there is a current span whose trace is recorded."""

    def event(self, name: str, attributes: Attributes) -> None:
        """Add an event to the current span."""

    def end(self, timeout_s: float) -> None:
        """Send queued spans, for at most `timeout_s`."""


#: None while tracing is off.
collector: Collector | None = None

_NOTHING: AbstractContextManager[None] = nullcontext()
_END_S = 2.0


def begin(service: str, instance: str, endpoint: AnyHttpUrl | None, share: float) -> None:
    """Start tracing if there is an `endpoint`, the base URL of an OTLP receiver over HTTP. `share`: the recorded share,
    from 0 to 1, of the traces that begin here. A caller's trace follows the caller's decision."""
    global collector
    if endpoint is None:
        return
    left_out.load("opentelemetry.sdk")
    from holdfast.shared.telemetry.tracing.otel import OtelCollector

    collector = OtelCollector(service, instance, str(endpoint), share)


def end() -> None:
    """Stop tracing, at the end of the process. Takes two seconds at most."""
    global collector
    if collector is not None:
        collector.end(_END_S)
        collector = None


def span(
    name: str,
    kind: Kind = Kind.INTERNAL,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    links: Iterable[str] = (),
) -> AbstractContextManager[Span | None]:
    """Return a context manager that yields a new span, or None if tracing is off. `parent` and `links` are
    traceparents; if `parent` is None, the parent is the current span."""
    if collector is None:
        return _NOTHING
    return collector.span(name, kind, attributes or {}, parent, links)


def begun(name: str, kind: Kind, attributes: Attributes, parent: str | None = None, links: Iterable[str] = ()) -> Span:
    """Return a new span that the caller has to end. Only while tracing is on."""
    assert collector is not None  # noqa: S101 - the docstring's condition
    return collector.span(name, kind, attributes, parent, links)


def around(name: str, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Return `call` within a span for the dependency `name` if the current trace is recorded, else `call` itself."""
    if collector is None or not collector.taken():
        return call

    async def traced(*args: object, **kwargs: object) -> T:
        with span(f"call {name}", Kind.CLIENT, {"peer.service": name}):
            return await call(*args, **kwargs)

    return traced


def event(name: str, attributes: Attributes) -> None:
    """Add an event to the current span."""
    if collector is not None:
        collector.event(name, attributes)


def traceparent() -> str:
    """Return the traceparent of the current span; empty if there is none, or if tracing is off."""
    return "" if collector is None else collector.traceparent()


def sampled(traceparent: str) -> bool:
    """Return whether the trace of this traceparent is recorded."""
    found = TRACEPARENT.fullmatch(traceparent) if collector is not None else None
    return found is not None and bool(int(found[2], 16) & 1)


def trace_id(traceparent: str) -> str:
    """Return the trace id of a traceparent; empty unless the trace is recorded."""
    return traceparent[3:35] if sampled(traceparent) else ""


def exemplar(of: str | None = None) -> dict[str, str] | None:
    """Return a histogram's exemplar: the trace of the traceparent `of`, or of the current span. Return None unless that
    trace is recorded."""
    if collector is None or (of is None and not collector.taken()):
        return None
    found = trace_id(collector.traceparent() if of is None else of)
    return {"trace_id": found} if found else None
