"""Failures: what clients of every replica got that was not good, in groups, and what began at the same moment."""
