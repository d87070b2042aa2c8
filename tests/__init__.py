"""Tests against a real Redis and a real MySQL-protocol server, started here on free ports."""
