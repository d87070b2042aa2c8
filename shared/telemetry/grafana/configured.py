"""Configured: annotations for the Grafana server that the settings name, if any."""

from holdfast.shared.runtime.settings import GrafanaSettings
from holdfast.shared.telemetry.grafana.annotations import Annotations
from holdfast.shared.telemetry.grafana.client import connect


def annotations(settings: GrafanaSettings) -> Annotations:
    """Return the annotations queue for these settings. The client is imported when the first annotation is sent."""
    url, timeout_s = settings.grafana_url, settings.grafana_timeout_s
    if url is None:
        return Annotations(None, timeout_s=timeout_s)
    return Annotations(lambda: connect(str(url), settings.grafana_token, timeout_s), timeout_s=timeout_s)
