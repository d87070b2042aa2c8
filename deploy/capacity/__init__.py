"""Capacity: what a load needs, worked out from measured costs."""
