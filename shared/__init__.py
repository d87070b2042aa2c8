"""Shared: what all services have in common. Modules in this package must not import a service."""
