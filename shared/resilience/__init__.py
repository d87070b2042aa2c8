"""Resilience: protects the work from dependencies that fail, by breakers, retries, deadlines, pools and supervision."""
