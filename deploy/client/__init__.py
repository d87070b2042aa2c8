"""The client that load tests, chaos experiments, container checks and benchmarks send requests with: an open loop, one
classification of responses. To learn how, read `open_loop.py`, `outcome.py`, `generator.py`."""
