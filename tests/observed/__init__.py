"""Observability: metrics, announced faults, heartbeats, logs."""
