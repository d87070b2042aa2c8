"""The one data source, by its provisioned uid, so that nothing has to be chosen."""

from grafana_foundation_sdk.models.common import DataSourceRef

SOURCE_UID = "prometheus"
SOURCE = DataSourceRef(type_val="prometheus", uid=SOURCE_UID)
#: Where Grafana keeps the annotations of our services.
OWN = DataSourceRef(type_val="grafana", uid="-- Grafana --")
