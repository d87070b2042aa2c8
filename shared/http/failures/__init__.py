"""Failures: answers to clients that were not good, in groups. Each process counts its own; dlq_admin merges the groups
of all processes."""
