"""Failures: what clients got that was not good, in groups. Each process counts
its own; dlq_admin puts them together."""
