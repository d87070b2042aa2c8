"""Explain: why a recent request was answered as it was: each decision with its numbers, kept for a while."""
