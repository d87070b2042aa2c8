"""Grafana's dashboards as code: each is data, built as Classic JSON into services/dlq_admin/live/grafana."""

import warnings

with warnings.catch_warnings():
    # Every Grafana since version 10 reads Classic JSON. The library warns that there is a newer format.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    import grafana_foundation_sdk.builders.bargauge
    import grafana_foundation_sdk.builders.dashboard  # noqa: F401
