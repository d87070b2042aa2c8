"""Dashboards: Grafana's own files, drawn by the console from the same Prometheus."""
