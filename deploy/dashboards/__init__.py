"""Grafana's dashboards as code: each is data, built as Classic JSON into services/dlq_admin/live/grafana."""

import warnings

with warnings.catch_warnings():
    # Classic is what every Grafana from 10 on reads; the new format is what the library would rather have.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    import grafana_foundation_sdk.builders.bargauge
    import grafana_foundation_sdk.builders.dashboard  # noqa: F401
