"""Prometheus's rules, as code: recordings and alerts. `make rules` writes the files."""
