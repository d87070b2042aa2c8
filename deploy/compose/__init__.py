"""Compose: generates the secrets of the system in containers, and checks that it runs as declared."""
