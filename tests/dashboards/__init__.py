"""Dashboards: the lint finds what it should, and every panel shows something of a real run with real faults."""
