"""Process: reads the settings and runs the writer."""

import uvloop

from holdfast.services.writer.app import Writer
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.queue import agreement
from holdfast.shared.telemetry.start import start
from holdfast.shared.telemetry.tracing import spans


def run() -> None:
    """Run the writer until SIGTERM. The exit code is 0 then."""
    settings = start("writer", WriterSettings)
    agreement.check(settings)
    spans.begin("writer", settings.instance, settings.otlp_endpoint, settings.trace_share)
    writer = Writer(settings)
    uvloop.run(writer.run())
    spans.end()
