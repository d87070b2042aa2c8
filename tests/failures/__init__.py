"""The answers to clients that were not good, in groups."""
