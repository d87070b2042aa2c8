"""A TCP fault proxy: stands between a service and what it depends on, and breaks the connection on request, while it is
in use. Standard library only; without a fault it copies bytes and nothing else."""
