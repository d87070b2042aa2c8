"""Compose: the secrets of the system in containers, and the check that it runs as declared."""
