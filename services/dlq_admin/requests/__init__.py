"""Requests: why a recent request was answered as it was, and what became of its write."""
