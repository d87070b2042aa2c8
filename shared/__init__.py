"""What all services agree on. Nothing here may import a service."""
