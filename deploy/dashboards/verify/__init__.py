"""Verify: what every panel shows of a real run, asked of the real Prometheus."""
