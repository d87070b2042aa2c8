"""Alerts: what Alertmanager reports, kept for as long as Alertmanager repeats it. The entry point is
`alerts.Alerts`."""
