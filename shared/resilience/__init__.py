"""Resilience: what protects the work from dependencies that fail: breakers, retries, deadlines, pools, supervision."""
