"""Outages of a real stack, and the alerts that its own Prometheus and Alertmanager raise."""
