"""A TCP fault proxy between a service and its dependency, which breaks live connections on request. It uses the
standard library only, and without a fault it only copies bytes."""
