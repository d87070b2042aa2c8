"""CountingExporter: spans on their way out, counted; and one line when they begin to be lost, one when that is over."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action


class CountingExporter(SpanExporter):
    """Around the real exporter. Called by one thread, which is nobody's who works."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False
        #: To be told of spans too, for their count: what ended and was neither sent nor failed waits, or was dropped.
        self.counting = _Ended()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Never raises."""
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next batch may fare better
            result, why = SpanExportResult.FAILURE, type(error).__name__
        else:
            why = "not taken"
        well = result is SpanExportResult.SUCCESS
        metrics.spans.labels("sent" if well else "failed").inc(len(spans))
        if well and self._failing:
            logs.info(Action.TRACES_SENT_AGAIN)
        elif not well and not self._failing:
            logs.warning(Action.TRACES_LOST, spans=len(spans), error=why)
        self._failing = not well
        return result

    def shutdown(self) -> None:
        """The real one's."""
        self._exporter.shutdown()


class _Ended(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        if span.context.trace_flags.sampled:
            metrics.spans.labels("ended").inc()
