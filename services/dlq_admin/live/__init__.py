"""Live: Grafana's own dashboards, drawn by the console from the same Prometheus. The entry point is `pictures`."""

from pathlib import Path

from holdfast.services.dlq_admin.live.dashboards import read_all
from holdfast.services.dlq_admin.live.pictures import Pictures
from holdfast.services.dlq_admin.live.prometheus import Prometheus
from holdfast.services.dlq_admin.settings import DlqAdminSettings

#: `make dashboards` writes these files, which Grafana reads too.
OWN_DASHBOARDS = Path(__file__).parent / "grafana"


def pictures(settings: DlqAdminSettings) -> Pictures:
    """Return the live view's dashboards with their source of data."""
    timeout_s, url = settings.dlq_prometheus_timeout_s, settings.dlq_prometheus_url
    prometheus = Prometheus(str(url), timeout_s) if url else None
    return Pictures(read_all(settings.dlq_dashboards or OWN_DASHBOARDS), prometheus, timeout_s)
