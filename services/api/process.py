"""Process: reads the settings and runs the api."""

import uvicorn

from holdfast.services.api.app import make_app
from holdfast.services.api.settings import ApiSettings
from holdfast.shared.http.server import config
from holdfast.shared.queue import agreement
from holdfast.shared.telemetry.start import start
from holdfast.shared.telemetry.tracing import spans


def run() -> None:
    """Run the api until SIGTERM."""
    settings = start("api", ApiSettings)
    agreement.check(settings)
    host, port = settings.listen_host, settings.api_port
    spans.begin("api", settings.instance, settings.otlp_endpoint, settings.trace_share)
    uvicorn.Server(config(make_app(settings), host, port, drain_s=settings.drain_s, bounds=settings.bounds)).run()
