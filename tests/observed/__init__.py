"""What is to be seen: metrics, faults that are announced, heartbeats, logs."""
