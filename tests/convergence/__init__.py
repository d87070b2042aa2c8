"""In whatever order writes arrive, the result is that of the order of their acceptance."""
