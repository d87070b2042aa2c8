"""Prometheus's rules, as code: what is recorded, and what somebody is told. `make rules` writes the files."""
