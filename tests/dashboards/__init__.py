"""Dashboards: the lint finds the mistakes that it should, and every panel shows data of a real run with real faults."""
