"""`python -m services.external_proxy`: read the settings, run."""

import uvicorn

from services.external_proxy.app import make_app
from services.external_proxy.settings import ProxySettings
from shared import logs
from shared.http.server import config
from shared.logs import Action


def main() -> None:
    """Until SIGTERM."""
    settings = ProxySettings()
    logs.configure("external_proxy", settings.log_level, settings.log_style)
    server = uvicorn.Server(config(make_app(), settings.listen_host, settings.proxy_port, drain_s=settings.drain_s))
    logs.info(Action.SERVICE_STARTED, instance=settings.instance)
    server.run()


if __name__ == "__main__":
    main()
