"""Capacity: computes what a load needs from measured costs."""
