"""Grafana: annotations for operators' actions, and a check of the provisioned data source and dashboards. All
optional."""
