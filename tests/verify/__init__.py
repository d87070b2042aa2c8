"""The checker: real processes under load and faults from a seed, judged by tests/promises. `make verify`."""
