"""Alerts: what Alertmanager reports, kept for as long as it repeats it. The door is `alerts.Alerts`."""
