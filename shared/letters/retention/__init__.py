"""Retention: removes letters, operations, releases and tombstones that are older than an operator keeps them."""
