"""The external proxy, wired: health and metrics. Calling the third party comes next."""

from fastapi import FastAPI

from shared.build import VERSION_WITHOUT_INSTALL
from shared.http.app import service_app
from shared.http.health import Health


def make_app() -> FastAPI:
    """Ready as soon as it runs: it has nothing behind it yet."""
    return service_app(
        Health("external_proxy"),
        title="Holdfast external proxy",
        description="Health and metrics. Calling the third party comes next.",
        version=VERSION_WITHOUT_INSTALL,
    )
