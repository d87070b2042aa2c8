"""The live view: Grafana's own dashboards, drawn by the console from the same Prometheus. The door is
`pictures`."""

from pathlib import Path

from holdfast.services.dlq_admin.live.dashboards import read_all
from holdfast.services.dlq_admin.live.pictures import Pictures
from holdfast.services.dlq_admin.live.prometheus import Prometheus
from holdfast.services.dlq_admin.settings import DlqAdminSettings

#: Written by `make dashboards`; Grafana reads the same files.
OWN_DASHBOARDS = Path(__file__).parent / "grafana"


def pictures(settings: DlqAdminSettings) -> Pictures:
    """The live view's dashboards, and where its numbers come from."""
    timeout_s, url = settings.dlq_prometheus_timeout_s, settings.dlq_prometheus_url
    prometheus = Prometheus(url, timeout_s) if url else None
    return Pictures(read_all(settings.dlq_dashboards or OWN_DASHBOARDS), prometheus, timeout_s)
