"""Failures: the responses of every replica that were not good, in groups, and what began at the same moment."""
