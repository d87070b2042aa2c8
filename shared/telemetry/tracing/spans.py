"""Spans: what the program tells of its work to whoever collects traces. Nobody does until `begin`: until then a call
costs a look at one name, and nothing of what makes and sends them is even imported.

What a span may carry is what a log line may: ids, names of ours, numbers. Never personal data, never a message of an
error, which may hold some.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from types import TracebackType
from typing import Protocol, TypeVar

T = TypeVar("T")

Attributes = Mapping[str, str | int | float | bool]

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]([0-9a-f])$")


class Kind(Enum):
    """On which side of a call a span is."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()
    PRODUCER = auto()
    CONSUMER = auto()


class Span(Protocol):
    """Work under way. As a context manager it is the current span of what runs inside, and ends with it: badly, if
    with an exception."""

    @property
    def traceparent(self) -> str:
        """As the W3C header has it."""

    @property
    def taken(self) -> bool:
        """Whether its trace is taken: else nothing that it is told is kept."""

    def rename(self, name: str) -> None:
        """What it was is known only now."""

    def note(self, attributes: Attributes) -> None:
        """Add to what is known of it."""

    def link(self, traceparent: str) -> None:
        """It has to do with another one."""

    def failed(self, kind: str) -> None:
        """It ended badly; `kind`: what we call the failure."""

    def end(self) -> None:
        """It is over."""

    def __enter__(self) -> "Span": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class Collector(Protocol):
    """What makes spans and sends them off, beside the work."""

    def span(self, name: str, kind: Kind, attributes: Attributes, parent: str | None, links: Iterable[str]) -> Span:
        """`parent` None: the current span; empty: none."""

    def traceparent(self) -> str:
        """Of the current span; empty without one."""

    def taken(self) -> bool:
        """Whether there is a current span, and its trace is taken."""

    def event(self, name: str, attributes: Attributes) -> None:
        """Something happened within the current span."""

    def end(self, timeout_s: float) -> None:
        """Send what is left, for so long at most."""


#: None: off.
collector: Collector | None = None

_NOTHING: AbstractContextManager[None] = nullcontext()
_END_S = 2.0


def begin(service: str, instance: str, endpoint: str | None, share: float) -> None:
    """From now on, if there is an `endpoint`: the base URL of something that takes OTLP over HTTP. `share`: how many
    of the traces that begin here are taken, from 0 to 1; what comes with a trace goes by what was decided there."""
    global collector
    if endpoint is None:
        return
    from holdfast.shared.telemetry.tracing.otel import OtelCollector

    collector = OtelCollector(service, instance, endpoint, share)


def end() -> None:
    """Before the process does. Takes a moment at most, whatever the other side does."""
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
    """A new span, as a context manager; nothing when off. `parent`, `links`: traceparents; None: the current one."""
    if collector is None:
        return _NOTHING
    return collector.span(name, kind, attributes or {}, parent, links)


def begun(name: str, kind: Kind, attributes: Attributes, parent: str | None = None, links: Iterable[str] = ()) -> Span:
    """The same, which somebody else ends. Only while tracing is on."""
    assert collector is not None  # noqa: S101 - said above
    return collector.span(name, kind, attributes, parent, links)


def around(name: str, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """`call` of the dependency `name` within a span, if it is part of something that is traced."""
    if collector is None or not collector.taken():
        return call

    async def traced(*args: object, **kwargs: object) -> T:
        with span(f"call {name}", Kind.CLIENT, {"peer.service": name}):
            return await call(*args, **kwargs)

    return traced


def event(name: str, attributes: Attributes) -> None:
    """Something happened."""
    if collector is not None:
        collector.event(name, attributes)


def traceparent() -> str:
    """Of the current span; empty when off or without one."""
    return "" if collector is None else collector.traceparent()


def sampled(traceparent: str) -> bool:
    """Whether its trace is taken."""
    found = _TRACEPARENT.match(traceparent) if collector is not None else None
    return found is not None and bool(int(found[2], 16) & 1)


def trace_id(traceparent: str) -> str:
    """Empty unless its trace is taken."""
    return traceparent[3:35] if sampled(traceparent) else ""


def exemplar(of: str | None = None) -> dict[str, str] | None:
    """For a histogram: the trace of the traceparent `of`, or of the current span, if it is taken."""
    if collector is None or (of is None and not collector.taken()):
        return None
    found = trace_id(collector.traceparent() if of is None else of)
    return {"trace_id": found} if found else None
