"""Telemetry: what a process reports about itself: metrics, logs, traces, decisions, annotations."""
