"""Process: reads the settings and runs the external proxy."""

import uvicorn

from holdfast.services.external_proxy.app import make_app
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.shared.http.server import config
from holdfast.shared.telemetry.start import start
from holdfast.shared.telemetry.tracing import spans


def run() -> None:
    """Run the external proxy until SIGTERM."""
    settings = start("external_proxy", ProxySettings)
    spans.begin("external_proxy", settings.instance, settings.otlp_endpoint, settings.trace_share)
    app = make_app(settings)
    host, port = settings.listen_host, settings.proxy_port
    uvicorn.Server(config(app, host, port, drain_s=settings.drain_s, bounds=settings.bounds)).run()
