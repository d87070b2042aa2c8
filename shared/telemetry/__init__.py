"""What a process reports: metrics, logs, traces, decisions, annotations."""
