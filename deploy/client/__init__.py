"""The client that load tests, chaos experiments, container checks and benchmarks use: an open loop, and one
classification of responses. Start with `open_loop.py`, `outcome.py` and `generator.py`."""
