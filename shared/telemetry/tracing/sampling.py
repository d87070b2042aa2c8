"""Sampling: decides which traces are recorded. A span with a parent follows its parent's decision. A span that links to
a sampled span is sampled too, as when a replayed write links to its acceptance. Of all other traces, a share is
recorded."""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes


class Sampling(Sampler):
    """A sampler that records a `share`, from 0 to 1, of the traces that begin here."""

    def __init__(self, share: float) -> None:
        self._usual = ParentBased(TraceIdRatioBased(share))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return whether a span is recorded."""
        pointed = any(link.context.trace_flags.sampled for link in links or ())
        sampler: Sampler = ALWAYS_ON if pointed else self._usual
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Return a description for people."""
        return f"Sampling{{{self._usual!r}}}"
