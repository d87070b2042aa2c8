"""`python -m services.api`: read the settings, run."""

import uvicorn

from services.api.app import make_app
from services.api.settings import ApiSettings
from shared import logs
from shared.http.server import config
from shared.tracing import spans


def main() -> None:
    """Until SIGTERM."""
    settings = ApiSettings()
    logs.configure("api", settings.log_level, settings.log_style)
    host, port = settings.listen_host, settings.api_port
    spans.begin("api", settings.instance, settings.otlp_endpoint, settings.trace_share)
    uvicorn.Server(config(make_app(settings), host, port, drain_s=settings.drain_s, bounds=settings.bounds)).run()


if __name__ == "__main__":
    main()
