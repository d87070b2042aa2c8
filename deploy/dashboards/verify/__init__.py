"""Verify: what every panel shows of a real run, according to the real Prometheus."""
