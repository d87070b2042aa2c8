"""A TCP fault proxy between a service and its dependency, which breaks connections in use on request. Standard library
only; without a fault it only copies bytes."""
