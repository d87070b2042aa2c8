"""Exporting spans: counts spans, and logs one line when spans begin to be lost and one when the loss ends."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action


class CountingExporter(SpanExporter):
    """Wraps another exporter, and counts its results. Called by the library's background thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False
        #: A processor that counts ended spans. Ended spans that were neither sent nor failed are queued, or were
        #: dropped.
        self.counting = _Ended()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch through the wrapped exporter, and count the result. Never raises."""
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever the error is, the next batch may work
            result, why = SpanExportResult.FAILURE, type(error).__name__
        else:
            why = "refused"
        sent = result is SpanExportResult.SUCCESS
        metrics.spans.labels("sent" if sent else "failed").inc(len(spans))
        if sent and self._failing:
            logs.info(Action.TRACES_SENT_AGAIN)
        elif not sent and not self._failing:
            logs.warning(Action.TRACES_LOST, spans=len(spans), error=why)
        self._failing = not sent
        return result

    def shutdown(self) -> None:
        """Shut the wrapped exporter down."""
        self._exporter.shutdown()


class _Ended(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        if span.context.trace_flags.sampled:
            metrics.spans.labels("ended").inc()
