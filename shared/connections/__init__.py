"""Connections: how to reach a store: addresses, TLS, Redis connections and scripts."""
