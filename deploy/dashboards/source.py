"""The one data source, known by the uid that is provisioned: nothing to choose, nothing to click."""

from grafana_foundation_sdk.models.common import DataSourceRef

SOURCE_UID = "prometheus"
SOURCE = DataSourceRef(type_val="prometheus", uid=SOURCE_UID)
#: Where Grafana keeps what it was told by our services.
OWN = DataSourceRef(type_val="grafana", uid="-- Grafana --")
