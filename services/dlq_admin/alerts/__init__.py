"""Alerts: what Alertmanager tells, kept for as long as it repeats it."""
